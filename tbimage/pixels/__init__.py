"""Arrays to pixels to encoded bytes: pure functions without I/O, threads or logging.

``arrays`` turns anything array-like into a NumPy array, ``layouts`` names its axes, ``levels``
turns values into 8 or 16 bits with ``ranges`` and ``blocks``, ``png`` turns those into bytes, and
``encoded`` reads the headers of pictures that arrive encoded. What a function finds out (clipped
values, non-finite pixels) it returns: who called decides what to say. Nothing here knows event
files, steps or tags.
"""
