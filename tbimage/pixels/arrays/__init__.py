"""Objects to NumPy arrays with named axes, and snapshots of them."""
