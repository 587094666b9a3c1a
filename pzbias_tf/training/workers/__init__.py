"""Several processes that train together: who they are, and how they find each other."""
