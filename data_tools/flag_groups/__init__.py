"""Flags that several commands share, apart from the code that acts on them."""
