"""Stacks (Keras 2 with tensorflow-addons, Keras 3), kinds of arrays, and numpy's sorts."""
