"""Pictures: images and figures.

What lives here: methods of ``SummaryWriter``, see the package, and the way to the queue that all
pictures share. What does not: the kinds, and what is drawn of data that is no image (drawings.py).
"""

from __future__ import annotations

import functools
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks
from tbimage.buffers import Piece

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tbimage.buffers import Piece
    from tbimage.kinds.options import LookKeywords, PictureOptions
    from tbimage.kinds.pictures import Prepared
    from tbimage.writer.base import RunWriter
    from tbimage.writer.notices import Notices

__all__ = ["figure", "image", "log_pictures", "picture_options"]


def image(
    self: RunWriter,
    name: str,
    data: Any,
    step: SupportsIndex | None = None,
    *,
    max_outputs: int | None = None,
    description: str | None = None,
    layout: str | None = None,
    value_range: Any = None,
    nan_color: tuple[int, int, int] = (255, 0, 0),
    colormap: str | None = None,
    colorbar: bool = False,
    gamma: float | None = None,
    log: float | bool | None = None,
    max_side: int | None = None,
    scale: float | None = None,
    captions: Any = None,
    encoding: str | None = None,
    quality: int | None = None,
    compression: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log one image or a batch of images.

    Args:
        name: The tag of a single image; images of a batch have the tags ``name/image/0``,
            ``name/image/1``, …
        data: [height, width], [height, width, channels] or [batch, height, width, channels] with 1
            to 4 channels (gray, gray and alpha, RGB, RGBA): a NumPy array, nested lists, anything
            with ``__array__`` or DLPack (torch, JAX, TensorFlow, CuPy), a PIL image, a matplotlib
            figure; or an encoded PNG, JPEG, GIF or BMP as bytes or as a path, which is stored as it
            is. Values: uint8 and uint16 as they are, bool as black and white, other integers within
            0..255, floats from 0 to 1. A PIL image is turned by its EXIF orientation; pass
            ``numpy.asarray(image)`` for the pixels as they are stored.
        step: An integer that grows with each call; None for the default step
            (``tbimage.set_step``), else for the one after the last of this name, also across
            restarts.
        max_outputs: The most images of a batch; None: all of them. (tf.summary's is 3.)
        description: Markdown that TensorBoard shows with the images.
        layout: The order of the axes where it is another: "CHW", "NCHW", "NHW", …; "BGR" for images
            of OpenCV, whose colours are in this order.
        value_range: Which values become black and white: ``(low, high)``, "unit" (0 to 1), "signed"
            (-1 to 1), "byte" (0 to 255), "minmax" (of each image) or ``("percentile", low, high)``.
            None: the dtype tells; floats outside [0, 1] are clipped and a warning is logged.
        nan_color: Red, green and blue, 0 to 255, of pixels that are NaN or infinite.
        colormap: The colours of data of one channel: "viridis", "magma", "turbo", "coolwarm", …
            (``tbimage.visual.COLORMAPS``), each with "_r" for its reverse. Zero is in the middle of
            a diverging one.
        colorbar: Whether a bar beside the picture tells which colour is which value.
        gamma: Brighten by the power ``1 / gamma`` of values within the range: 2.2 for linear light.
        log: Show values within the range by their logarithm; True is 1000, three decades.
        max_side: Make pictures smaller, so that the longer side has at most so many pixels.
        scale: Make both sides so many times as long; pixels are repeated, or averaged.
        captions: A text for each image of a batch, or one for a single image, below the picture.
        encoding: "png" keeps every level; "jpeg" is smaller, and has no transparency. None: the
            writer's, like the next two.
        quality: Of a JPEG, 1 to 100.
        compression: Of a PNG, from the fastest to the smallest: "fast", "balanced", "small".
        wall_time: Seconds since the epoch; None: now.

    Returns:
        True when the images will be written, or there were none; False when ``record_if`` said no,
        or there was no room (``on_full``).

    Raises:
        TypeError: An argument is of the wrong type, or ``data`` is nothing that has pixels.
        ValueError: A shape, a channel count or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     batch = numpy.random.default_rng(0).random((4, 3, 32, 32))
        ...     writer.image("inputs", batch, step=0, layout="NCHW", max_outputs=2)
        True
    """
    name, step, wanted = self._begin(name, step, "an image")
    if not wanted:
        return False
    from tbimage.kinds import image as kind

    options = picture_options(
        self,
        description,
        encoding,
        quality,
        compression,
        value_range=value_range,
        nan_color=nan_color,
        colormap=colormap,
        colorbar=colorbar,
        gamma=gamma,
        log=log,
        max_side=max_side,
        scale=scale,
    )
    wall_time = checks.wall_time(wall_time)
    most = kind.check_max_outputs(max_outputs)
    bound = self._settings.max_pending_bytes
    images = kind.prepare(data, layout, most, options, captions, most_bytes=bound)
    return log_pictures(self, name, step, wall_time, images, options)


def picture_options(
    self: RunWriter,
    description: str | None,
    encoding: str | None = None,
    quality: int | None = None,
    compression: str | None = None,
    **look: Unpack[LookKeywords],
) -> PictureOptions:
    """Check how the pictures of one call are to look and to become bytes.

    Args:
        self: The writer, whose settings count where the call says None.
        description: As in ``image``, like the others.
        encoding: See there.
        quality: See there.
        compression: See there.
        look: ``value_range`` to ``scale``, see there.

    Raises:
        TypeError: One is of the wrong type.
        ValueError: One has none of the allowed values.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp(), quality=70) as writer:
        ...     picture_options(writer, None, "jpeg").quality
        70
    """
    from tbimage.kinds.options import recent_options

    settings = self._settings
    return recent_options(
        wire=settings.wire,
        description=checks.description(description),
        encoding=settings.encoding if encoding is None else encoding,
        quality=settings.quality if quality is None else quality,
        compression=settings.compression if compression is None else compression,
        png_instead=encoding is None,
        **look,
    )


def log_pictures(
    self: RunWriter,
    name: str,
    step: int | None,
    wall_time: float,
    pictures: Prepared,
    options: PictureOptions,
) -> bool:
    """Copy what pictures are made of, and leave the making to a worker.

    Args:
        self: The writer.
        name: Checked, like the next two.
        step: None for an automatic one.
        wall_time: Seconds since the epoch.
        pictures: What a kind prepared.
        options: How they will look and become bytes.

    Returns:
        Whether there was room, or nothing to log.

    Example:
        >>> import tbimage, tempfile
        >>> from tbimage.kinds.image import prepare
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     options = picture_options(writer, None)
        ...     log_pictures(writer, "a", 0, 0.0, prepare([[0, 255]], None, None), options)
        True
    """
    if pictures.count == 0:
        return True
    _import_all()
    report = partial(self._notices.report, name)
    run_parts = self._pipeline.run_parts
    make = partial(_make, self._notices, name)
    return self._log(name, step, wall_time, make, pictures, options, run_parts, report)


@functools.cache
def _import_all() -> None:
    """Import what makes a picture in the call: workers import nothing.

    A child that is forked while another thread imports hangs where it imports the same.
    """
    from tbimage import fonts
    from tbimage.kinds import pictures
    from tbimage.pixels.png import libraries

    fonts.use_installed()
    libraries.kernel()
    pictures.__name__  # noqa: B018


def _make(notices: Notices, name: str, *arguments: Any) -> list[Piece]:
    from tbimage.kinds import pictures as kind

    pieces = kind.summary(name, *arguments)
    notices.report_encoder()
    return pieces


def figure(
    self: RunWriter,
    name: str,
    figure: Any,
    step: SupportsIndex | None = None,
    *,
    close: bool = True,
    tight: bool = False,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Draw a matplotlib figure, or several, and log them as images.

    The figures are drawn in the calling thread, as matplotlib demands; the rest is as in ``image``.

    Args:
        name: As in ``image``.
        figure: A matplotlib figure; or a list of figures of one size, which become a batch.
        step: As in ``image``.
        close: Whether pyplot is to close them, which else keeps them in memory; also where
            ``record_if`` says no.
        tight: Whether the picture is as large as what is drawn, and a little more
            (``bbox_inches="tight"`` of matplotlib), so that no label is cut off. Default False: the
            size is that of the figure, so that it does not change with the labels.
        description: Markdown that TensorBoard shows with the images.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The figures are of different sizes, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> writer = tbimage.SummaryWriter(tempfile.mkdtemp())
        >>> writer.figure("plot", 3, step=0)
        Traceback (most recent call last):
        TypeError: figure must be a matplotlib figure or a list of them, got 3 of type int
        >>> writer.close()
        True
    """
    from tbimage.kinds import figure as kind

    figures, batched = kind.check_figures(figure)
    close = checks.flag("close", close)
    try:
        name, step, wanted = self._begin(name, step, "an image")
        if not wanted:
            return False
        options = picture_options(self, description)
        wall_time = checks.wall_time(wall_time)
        pixels = kind.draw(figures, batched, checks.flag("tight", tight))
    finally:
        if close:
            kind.close(figures)
    from tbimage.kinds import image as image_kind

    pixels.flags.writeable = False  # nobody else has it: no need for a copy
    images = image_kind.prepare(pixels, None, None, options)
    return log_pictures(self, name, step, wall_time, images, options)
