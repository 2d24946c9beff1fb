"""Convert arrays to pixels, and pixels to encoded bytes.

``arrays`` turns objects into NumPy arrays and names their axes. ``values`` turns values into levels
of 8 or 16 bits and into colours. ``drawing`` puts text, boxes, masks and lines onto pictures.
``png`` and ``clips`` encode pictures. Functions return findings about the data, such as clipped
values and pixels that are not finite.

This package starts no threads and logs nothing, and does not use event files, steps or tags. It
reads only two kinds of files: encoded pictures (``arrays/encoded.py``) and the compiled encoder
(``png/libraries.py``).
"""
