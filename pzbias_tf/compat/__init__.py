"""What differs between the two supported stacks: Keras 2 with tensorflow-addons, and Keras 3."""
