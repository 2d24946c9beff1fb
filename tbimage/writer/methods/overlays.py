"""Methods that log pictures with masks, or with boxes, points and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage.writer.methods.pictures import log_pictures, picture_options

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tbimage.kinds.options import PictureKeywords
    from tbimage.writer.base import RunWriter


def segmentation(
    self: RunWriter,
    name: str,
    labels: Any,
    step: SupportsIndex | None = None,
    *,
    image: Any = None,
    classes: Sequence[str] | Mapping[int, str] | None = None,
    alpha: float = 0.5,
    ignore_index: int | None = None,
    legend: bool = False,
    outlines: bool = False,
    captions: Any = None,
    layout: str | None = None,
    labels_layout: str | None = None,
    description: str | None = None,
    wall_time: float | None = None,
    **options: Unpack[PictureKeywords],
) -> bool:
    """Log masks of classes, over images or alone. The class of a pixel decides its colour.

    The colours of the indices 0 to 63 (``tbimage.visual.CLASS_COLORS``) repeat for larger indices.

    Args:
        name: As in ``image``.
        labels: Class indices, as integers or bools: [height, width] or [batch, height, width]. Or
            logits or probabilities, as floats: [height, width, classes] or [batch, height, width,
            classes]. With these, the class of a pixel is the one with the highest value.
        step: As in ``image``.
        image: The images below the masks: one for each mask, of the same size. None: no images.
        classes: The names of classes for the legend, by index.
        alpha: The opacity of the colours over the images, from 0 to 1.
        ignore_index: The index of pixels without a class. They show the image; without it, black.
        legend: Whether a legend below each mask names its classes.
        outlines: Whether areas have outlines, in the colour of the class, or white without images.
        captions: As in ``image``.
        layout: The order of the axes of ``image``; also of ``labels``, if they have the same number
            of axes or if there is no image.
        labels_layout: The order of the axes of ``labels``, if it differs from ``layout``: "NCHW"
            for logits, …
        description: Markdown that TensorBoard shows with the pictures.
        wall_time: Seconds since the epoch; None: now.
        options: As in ``image``: ``value_range``, ``colormap``, ``gamma`` and ``log`` for the
            images; ``max_side`` and ``scale`` for images and masks; ``nan_color`` for pixels with
            a NaN or infinite score or a negative index; ``encoding``, ``quality`` and
            ``compression``.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: Masks and images do not fit each other, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     photo = numpy.random.default_rng(0).random((32, 32, 3))
        ...     bright = photo.mean(axis=2) > 0.5
        ...     names = ["ground", "object"]
        ...     writer.segmentation("mask", bright, 0, image=photo, classes=names, legend=True)
        True
    """
    name, step, wanted = self._begin(name, step, "an image")
    if not wanted:
        return False
    from tbimage.kinds import segmentation as kind

    checked = picture_options(self, description, **options)
    pictures = kind.prepare(
        labels,
        image,
        layout,
        checked,
        labels_layout=labels_layout,
        classes=classes,
        alpha=alpha,
        ignore_index=ignore_index,
        show_legend=legend,
        outlines=outlines,
        captions=captions,
    )
    return log_pictures(self, name, step, wall_time, pictures, checked)


def boxes(
    self: RunWriter,
    name: str,
    images: Any,
    boxes: Any,
    step: SupportsIndex | None = None,
    *,
    labels: Any = None,
    scores: Any = None,
    colors: Any = None,
    classes: Sequence[str] | Mapping[int, str] | None = None,
    format: str = "xyxy",
    normalized: bool = False,
    keypoints: Any = None,
    skeleton: Any = (),
    polylines: Any = None,
    captions: Any = None,
    layout: str | None = None,
    description: str | None = None,
    wall_time: float | None = None,
    **options: Unpack[PictureKeywords],
) -> bool:
    """Draw boxes (with labels and scores), keypoints and lines onto images, and log the images.

    Coordinates are x and y in pixels of the given image, measured from its top left corner.

    Args:
        name: As in ``image``.
        images: As ``data`` of ``image``, but not a file.
        boxes: [count, 4] for one image. For a batch, a list of such arrays, which may have
            different counts, or [batch, count, 4]. None: no boxes.
        step: As in ``image``.
        labels: A list: a string or a class index for each box. For a batch, a list of such lists.
        scores: A number for each box, in lists like ``labels``. Boxes with higher scores are drawn
            over the other boxes.
        colors: Red, green and blue, 0 to 255: one colour for all boxes, or a colour for each box,
            in lists like ``labels``. None: the label of a box decides its colour.
        classes: The names of class indices.
        format: "xyxy" (two corners), "xywh" (top left corner, width, height) or "cxcywh"
            (centre, width, height).
        normalized: Whether coordinates, including those of keypoints and lines, are fractions of
            the image's width and height.
        keypoints: [instances, points, 2], or [instances, points, 3] with a visibility; a point
            with visibility 0 is not drawn. For a batch, a list of such arrays.
        skeleton: Pairs of indices of keypoints. A line joins the two points of each pair.
        polylines: A list of lines, each [points, 2]. For a batch, a list of such lists.
        captions: As in ``image``.
        layout: As in ``image``.
        description: Markdown that TensorBoard shows with the pictures.
        wall_time: Seconds since the epoch; None: now.
        options: ``value_range``, ``nan_color``, ``colormap``, ``gamma``, ``log``, ``max_side``,
            ``scale``, ``encoding``, ``quality`` and ``compression``, as in ``image``.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     photo = numpy.zeros((64, 64, 3), numpy.uint8)
        ...     writer.boxes("found", photo, [[8, 24, 40, 60]], 0, labels=["cat"], scores=[0.93])
        True
    """
    name, step, wanted = self._begin(name, step, "an image")
    if not wanted:
        return False
    from tbimage.kinds import boxes as kind

    checked = picture_options(self, description, **options)
    pictures = kind.prepare(
        images,
        boxes,
        layout,
        checked,
        labels=labels,
        scores=scores,
        colors=colors,
        classes=classes,
        format=format,
        normalized=normalized,
        keypoints=keypoints,
        skeleton=skeleton,
        polylines=polylines,
        captions=captions,
    )
    return log_pictures(self, name, step, wall_time, pictures, checked)
