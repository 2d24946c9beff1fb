"""Arrays to pixels to encoded bytes: pure functions without I/O, threads or logging.

``arrays`` turns objects into NumPy arrays and names their axes. ``values`` turns values into levels
of 8 or 16 bits and into colours. ``drawing`` puts text, boxes, masks and lines onto them. ``png``
and ``clips`` encode them. What a function finds in the data (clipped values, pixels that are not
finite) it returns. Nothing here knows event files, steps or tags.
"""
