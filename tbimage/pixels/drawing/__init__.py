"""Text, boxes, masks, lines and grids, drawn onto pictures."""
