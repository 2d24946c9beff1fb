"""Pictures worth looking at, of arrays, without a writer.

Each function draws what the writer's method of the same name logs, and more that go with them. They
take arrays of any framework and give a ``Picture``, whose ``pixels`` are a NumPy array and whose
``findings`` tell what the data had that could not be shown as it is. A ``Picture`` can be passed on
to any other of these functions, to a writer, and to whatever takes arrays.

What lives here: names. What does not: anything that they mean (``pixels/``).

Example:
    >>> import numpy
    >>> from tbimage import visual
    >>> photo = numpy.zeros((64, 64, 3), numpy.uint8)
    >>> drawn = visual.boxes(photo, [[8, 24, 40, 60]], ["cat"], [0.93])
    >>> visual.caption(drawn, "what the network sees").pixels.shape[2]
    3
"""

from __future__ import annotations

from tbimage.pixels.animation import animate as animation
from tbimage.pixels.boxes import draw_boxes as boxes
from tbimage.pixels.captions import caption
from tbimage.pixels.colorbar import colorbar
from tbimage.pixels.colormaps import COLORMAPS, colorize
from tbimage.pixels.colormaps import table as colormap_table
from tbimage.pixels.comparing import Comparison
from tbimage.pixels.comparing import draw_comparison as compare
from tbimage.pixels.feature_maps import draw_feature_maps as feature_maps
from tbimage.pixels.legend import legend
from tbimage.pixels.lines import draw_keypoints as keypoints
from tbimage.pixels.lines import draw_polylines as polylines
from tbimage.pixels.masks import draw_segmentation as segmentation
from tbimage.pixels.masks import legend_entries
from tbimage.pixels.palette import CLASS_COLORS, class_color, label_color
from tbimage.pixels.pictures import Findings, Picture
from tbimage.pixels.rendering import picture as image
from tbimage.pixels.tiling import enlarge, grid

__all__ = [
    "CLASS_COLORS",
    "COLORMAPS",
    "Comparison",
    "Findings",
    "Picture",
    "animation",
    "boxes",
    "caption",
    "class_color",
    "colorbar",
    "colorize",
    "colormap_table",
    "compare",
    "enlarge",
    "feature_maps",
    "grid",
    "image",
    "keypoints",
    "label_color",
    "legend",
    "legend_entries",
    "polylines",
    "segmentation",
]
