"""What stands between users' files and this package: locks, folders of its own, checks of input."""
