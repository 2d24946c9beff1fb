"""Convert arrays to pixels, and pixels to encoded bytes.

``arrays`` converts objects to NumPy arrays with a fixed order of axes. ``values`` converts values
to levels of 8 or 16 bits and to colours. ``drawing`` adds text, boxes, masks and lines to pictures.
``png`` and ``clips`` encode pictures. Functions return findings about the data, such as clipped
values and pixels that are not finite.

This package starts no threads and logs nothing, and does not use event files, steps or tags. It
reads only two kinds of files: encoded pictures (``arrays/encoded.py``) and the compiled encoder
(``png/libraries.py``).
"""
