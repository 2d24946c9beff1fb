"""Convert objects to NumPy arrays with named axes, and copy the arrays."""
