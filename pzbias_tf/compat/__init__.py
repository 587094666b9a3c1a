"""What differs between stacks (Keras 2 with tensorflow-addons, Keras 3) and kinds of arrays."""
