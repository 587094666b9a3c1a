"""What differs between stacks: Keras 2 with tensorflow-addons and Keras 3; arrays of other packages."""
