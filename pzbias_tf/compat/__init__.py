"""Where the two supported stacks differ: Keras 2 and 3, with and without tensorflow-addons."""
