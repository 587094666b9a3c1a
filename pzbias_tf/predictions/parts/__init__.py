"""Predictions as a folder of Parquet files, one part per shard, or as a HATS catalogue."""
