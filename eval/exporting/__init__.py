"""What `eval.export` writes beside the SavedModel."""
