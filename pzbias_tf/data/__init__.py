"""The data contract: records, manifest and catalogue of a data set, and its way into batches."""
