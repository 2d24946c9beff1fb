"""Arrays to pixels to encoded bytes: pure functions without I/O, threads or logging.

``arrays`` turns objects into NumPy arrays and names their axes. ``values`` turns values into levels
of 8 or 16 bits and into colours. ``drawing`` puts text, boxes, masks and lines onto them. ``png``
and ``clips`` encode them. A function returns what it finds in the data, such as clipped values and
pixels that are not finite. Nothing here knows event files, steps or tags.
"""
