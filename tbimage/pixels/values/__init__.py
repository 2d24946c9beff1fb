"""Convert values to levels: value range, tone curve, colours and size."""
