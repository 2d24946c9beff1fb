"""Any array-like object to a NumPy array in a known axis order, and the snapshot of it."""
