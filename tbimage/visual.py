"""Make pictures from arrays, without a writer.

For each method of ``SummaryWriter`` that draws arrays, there is a function of the same name here.
There are also other functions. The functions that draw take arrays of any framework. Most of them
return a ``Picture``. The ``pixels`` of a ``Picture`` are a NumPy array. The ``findings`` of a
``Picture`` tell which data could not be shown unchanged. A ``Picture`` can be passed to the
functions that draw, to a writer, and to any function that takes arrays.

Example:
    >>> import numpy
    >>> from tbimage import visual
    >>> photo = numpy.zeros((64, 64, 3), numpy.uint8)
    >>> drawn = visual.boxes(photo, [[8, 24, 40, 60]], ["cat"], [0.93])
    >>> visual.caption(drawn, "what the network sees").pixels.shape[2]
    3
"""

from __future__ import annotations

from tbimage.fonts import use_installed
from tbimage.pixels.clips.animation import animate as animation
from tbimage.pixels.drawing.boxes import draw_boxes as boxes
from tbimage.pixels.drawing.captions import caption
from tbimage.pixels.drawing.colorbar import colorbar
from tbimage.pixels.drawing.comparison import Comparison
from tbimage.pixels.drawing.comparison import draw_comparison as compare
from tbimage.pixels.drawing.feature_maps import draw_feature_maps as feature_maps
from tbimage.pixels.drawing.grid import enlarge, grid
from tbimage.pixels.drawing.keypoints import draw_keypoints as keypoints
from tbimage.pixels.drawing.keypoints import draw_polylines as polylines
from tbimage.pixels.drawing.legend import legend
from tbimage.pixels.drawing.palette import CLASS_COLORS, class_color, label_color
from tbimage.pixels.drawing.rendering import picture as image
from tbimage.pixels.drawing.segmentation import draw_segmentation as segmentation
from tbimage.pixels.drawing.segmentation import legend_entries
from tbimage.pixels.png.libraries import encoder_name
from tbimage.pixels.values.colormaps import COLORMAPS, colorize
from tbimage.pixels.values.colormaps import table as colormap_table
from tbimage.pixels.values.pictures import Findings, Picture

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
    "encoder_name",
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

use_installed()
