"""Methods for images and figures, and the functions with which all methods log pictures."""

from __future__ import annotations

import functools
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tbimage.buffers import Piece
    from tbimage.kinds.options import LookKeywords, PictureOptions
    from tbimage.kinds.pictures import Prepared
    from tbimage.writer.base import RunWriter
    from tbimage.writer.notices import Notices


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
            to 4 channels (gray, gray and alpha, RGB, RGBA). It is a NumPy array, nested lists, an
            object with ``__array__`` or DLPack (torch, JAX, TensorFlow, CuPy), a PIL image or a
            matplotlib figure. Or it is an encoded PNG, JPEG, GIF or BMP, as bytes or as a path; an
            encoded picture is stored unchanged. uint8 and uint16 use their whole range, bools are
            black and white, other integers are from 0 to 255, and floats from 0 to 1. A PIL image
            is rotated by its EXIF orientation; pass ``numpy.asarray(image)`` for the stored pixels.
        step: An integer that increases with each call. None: the default step
            (``tbimage.set_step``). If there is no default step, it is the step after the last step
            of this name, even if an earlier process logged that step.
        max_outputs: The largest number of images of a batch that are logged. None: all of them.
            (The default of tf.summary is 3.)
        description: Markdown that TensorBoard shows with the images.
        layout: The order of the axes, such as "CHW", "NCHW" or "NHW". None: the order above. "BGR"
            is for images of OpenCV: the order above, with the colours blue, green, red.
        value_range: The values that become black and white: ``(low, high)``, "unit" (0 to 1),
            "signed" (-1 to 1), "byte" (0 to 255), "minmax" (the lowest and the highest of each
            image) or ``("percentile", low, high)``. None: the range of the dtype, as in ``data``.
            Floats outside of this range are clipped, and a warning is logged.
        nan_color: The colour of pixels that are NaN or infinite: red, green and blue, 0 to 255.
        colormap: The colours for data with one channel: "viridis", "magma", "turbo", "coolwarm", …
            (``tbimage.visual.COLORMAPS``). Add "_r" to a name to reverse its colours. With a
            diverging one ("coolwarm"), a ``value_range`` of None is -1 to 1 for floats, and
            "minmax" and percentiles become symmetric around 0.
        colorbar: Whether a bar beside the picture shows the values of the colours.
        gamma: The range is scaled to 0..1, and each value ``t`` becomes ``t ** (1 / gamma)``. A
            ``gamma`` of more than 1 makes the picture brighter; 2.2 is for linear light.
        log: Show the range on a logarithmic scale: ``t``, as in ``gamma``, becomes
            ``ln(1 + log * t) / ln(1 + log)``. True means 1000, which shows three powers of ten.
        max_side: The largest length of the longer side in pixels. Larger pictures are made smaller.
        scale: A factor for both sides. Pixels are repeated if the picture becomes larger, and
            averaged if it becomes smaller.
        captions: A text below the picture: a string for a single image, or a string for each
            image of a batch.
        encoding: "png" is lossless; "jpeg" is smaller, and has no transparency. If ``encoding``,
            ``quality`` or ``compression`` is None, the setting of the writer is used.
        quality: The quality of a JPEG, 1 to 100.
        compression: The compression of a PNG, from the fastest to the smallest: "fast", "balanced",
            "small".
        wall_time: Seconds since the epoch; None: now.

    Returns:
        True if the images will be written, or there are no images. False if ``record_if`` or
        ``keep`` left them out, there was no room (``on_full``), or the process is ending and the
        images were not written within ``close_timeout``.

    Raises:
        TypeError: An argument is of the wrong type, or ``data`` has no pixels.
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
    """Check the options of one call; None means the setting of the writer."""
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
    wall_time: float | None,
    pictures: Prepared,
    options: PictureOptions,
) -> bool:
    """Copy pictures and log them; a worker encodes them. If there are no pictures, return True."""
    wall_time = checks.wall_time(wall_time)
    if pictures.count == 0:
        return True
    _import_all()
    report = partial(self._notices.report, name)
    run_parts = self._pipeline.run_parts
    make = partial(_make, self._notices, name)
    return self._log(name, step, wall_time, make, pictures, options, run_parts, report)


@functools.cache
def _import_all() -> None:
    """Import the modules that every picture needs. Callers do this, because workers import nothing.

    ``kinds/options.py`` loads the encoder, and imports the modules that only some pictures need.
    """
    from tbimage import fonts
    from tbimage.kinds import pictures

    fonts.use_installed()
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
    """Draw one or more matplotlib figures, and log them as images.

    The figures are drawn in the calling thread, because matplotlib requires it.

    Args:
        name: As in ``image``.
        figure: A matplotlib figure; or a list of figures of the same size, which become a batch.
        step: As in ``image``.
        close: Whether to close the figures in pyplot, which otherwise keeps them in memory. They
            are closed even if ``record_if`` leaves them out.
        tight: Whether the picture contains everything that is drawn, with a small margin
            (``bbox_inches="tight"`` of matplotlib), so that no label is cut off. Default False: the
            picture always has the size of the figure.
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
        pixels = kind.draw(figures, batched, checks.flag("tight", tight))
    finally:
        if close:
            kind.close(figures)
    from tbimage.kinds import image as image_kind

    pixels.flags.writeable = False  # so that it is not copied: no other code has this array
    images = image_kind.prepare(pixels, None, None, options)
    return log_pictures(self, name, step, wall_time, images, options)
