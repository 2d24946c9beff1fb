"""Draw text, boxes, masks, lines and grids."""
