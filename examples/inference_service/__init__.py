"""A service that finds edges in photographs and shows in TensorBoard what it saw; see README.md."""
