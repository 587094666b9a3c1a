"""From cutouts in a survey's own files to sharded TFRecords."""
