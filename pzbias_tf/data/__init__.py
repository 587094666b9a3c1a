"""The data contract: records, manifest, catalogue, and the way into batches."""
