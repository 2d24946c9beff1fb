"""Methods for pictures of several images, of activations and of clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage.writer.methods.pictures import log_pictures, picture_options

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tbimage.kinds.options import LookKeywords, PictureKeywords
    from tbimage.writer.base import RunWriter


def feature_maps(
    self: RunWriter,
    name: str,
    x: Any,
    step: SupportsIndex | None = None,
    *,
    max_maps: int | None = 64,
    normalize: str | tuple[float, float] = "map",
    colormap: str | None = None,
    columns: int | None = None,
    separate: bool = False,
    layout: str | None = None,
    nan_color: tuple[int, int, int] = (255, 0, 0),
    description: str | None = None,
    encoding: str | None = None,
    quality: int | None = None,
    compression: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log activations: all maps of an image in one picture (a sheet), each map with its number.

    Small maps, such as 8 × 8, are enlarged. A map of equal values is marked with a cross.

    Args:
        name: As in ``image``: each sheet of a batch has its own tag.
        x: [height, width, channels] or [batch, height, width, channels], with any number of
            channels and any dtype.
        step: As in ``image``.
        max_maps: The largest number of maps of an image that are shown, from the first; None: all.
        normalize: The values that become black and white: the lowest and highest of each map
            ("map"), of all maps of an image ("image") or of all images ("batch"). Or a
            ``value_range``, as in ``image``: ``(low, high)``, "unit", "signed" or "byte".
        colormap: As in ``image``; None: gray. A diverging one makes ranges from the data symmetric.
        columns: The number of maps in a row; None: the sheet becomes a little wider than high.
        separate: Whether each map has its own tag (``name/map/0``, …) and there is no sheet.
        layout: The order of the axes, if ``x`` has another order than above: "CHW", "NCHW", …
        nan_color: The colour of values that are NaN or infinite: red, green and blue, 0 to 255.
        description: Markdown that TensorBoard shows with the sheets.
        encoding: As in ``image``.
        quality: As in ``image``.
        compression: As in ``image``.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     activations = numpy.random.default_rng(0).normal(size=(2, 256, 8, 8))
        ...     writer.feature_maps("conv5", activations, step=0, layout="NCHW", colormap="magma")
        True
    """
    name, step, wanted = self._begin(name, step, "an image")
    if not wanted:
        return False
    from tbimage.kinds import feature_maps as kind

    options = picture_options(
        self, description, encoding, quality, compression, colormap=colormap, nan_color=nan_color
    )
    sheets = kind.prepare(
        x,
        layout,
        options,
        max_maps=max_maps,
        normalize=normalize,
        columns=columns,
        separate=separate,
    )
    return log_pictures(self, name, step, wall_time, sheets, options)


def grid(
    self: RunWriter,
    name: str,
    images: Any,
    step: SupportsIndex | None = None,
    *,
    columns: int | None = None,
    padding: int = 2,
    background: tuple[int, int, int] = (255, 255, 255),
    captions: Any = None,
    layout: str | None = None,
    description: str | None = None,
    wall_time: float | None = None,
    **options: Unpack[PictureKeywords],
) -> bool:
    """Log several images as one picture: a sheet with rows and columns.

    Args:
        name: The tag.
        images: A batch, [batch, height, width, channels]; or a list of images, which may have
            different sizes, channels and dtypes.
        step: As in ``image``.
        columns: The number of images in a row; None: the sheet becomes a little wider than high.
        padding: Pixels between the images, 0 or more.
        background: The colour of the sheet: red, green and blue, 0 to 255.
        captions: A text for each image, which is drawn below the image.
        layout: The order of the axes, if ``images`` have another order than above: "NCHW", or "CHW"
            for the images of a list, …
        description: Markdown that TensorBoard shows with the sheet.
        wall_time: Seconds since the epoch; None: now.
        options: ``value_range``, ``nan_color``, ``colormap``, ``colorbar``, ``gamma``, ``log``,
            ``max_side`` and ``scale`` of each image, and ``encoding``, ``quality`` and
            ``compression`` of the sheet, as in ``image``.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     crops = [numpy.zeros((8, 16, 3)), numpy.ones((24, 8))]
        ...     writer.grid("crops", crops, step=0, captions=["wide", "high"])
        True
    """
    name, step, wanted = self._begin(name, step, "an image")
    if not wanted:
        return False
    from tbimage.kinds import grid as kind

    checked = picture_options(self, description, **options)
    sheet = kind.prepare(
        images,
        layout,
        checked,
        columns=columns,
        padding=padding,
        background=background,
        captions=captions,
    )
    return log_pictures(self, name, step, wall_time, sheet, checked)


def compare(
    self: RunWriter,
    name: str,
    *images: Any,
    step: SupportsIndex | None = None,
    titles: Any = None,
    diff: str | None = "abs",
    scalars: bool = False,
    layout: str | None = None,
    description: str | None = None,
    wall_time: float | None = None,
    **options: Unpack[PictureKeywords],
) -> bool:
    """Log images side by side, such as input and output, and their difference, MAE and PSNR.

    Args:
        name: As in ``image``: each sheet of a batch has its own tag.
        images: Two or more arguments; each is one image or a batch. All have the same dtype, or all
            are floats. The last two are compared.
        step: As in ``image``.
        titles: A text below each of ``images``. None: "input", "output", "target", "3", ….
        diff: "abs" (the absolute difference), "signed" (``images[-2] - images[-1]``, with zero in
            the middle of the colours) or None (no difference).
        scalars: Whether to log the mean absolute error and the PSNR in dB also as scalars: their
            means over the batch, as ``name/mae`` and ``name/psnr``. Unless the images are identical
            or differ in shape, the caption of a sheet shows both measures.
        layout: As in ``image``, for all ``images``.
        description: Markdown that TensorBoard shows with the sheets.
        wall_time: Seconds since the epoch; None: now.
        options: ``value_range`` (the images share one range, even if it is found in the data),
            ``nan_color``, ``colormap``, ``colorbar`` (of the difference), ``gamma``, ``log``,
            ``max_side``, ``scale``, ``encoding``, ``quality`` and ``compression``, as in ``image``.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     photos = numpy.random.default_rng(0).random((4, 32, 32, 3))
        ...     writer.compare("autoencoder", photos, photos**2, step=0, titles=["in", "out"])
        True
    """
    name, step, wanted = self._begin(name, step, "an image")
    if not wanted:
        return False
    from tbimage.kinds import compare as kind

    checked = picture_options(self, description, **options)
    sheets = kind.prepare(images, layout, checked, titles=titles, diff=diff, scalars=scalars)
    return log_pictures(self, name, step, wall_time, sheets, checked)


def animation(
    self: RunWriter,
    name: str,
    frames: Any,
    step: SupportsIndex | None = None,
    *,
    fps: float = 10,
    format: str = "apng",
    max_outputs: int | None = None,
    layout: str | None = None,
    description: str | None = None,
    compression: str | None = None,
    wall_time: float | None = None,
    **look: Unpack[LookKeywords],
) -> bool:
    """Log a clip or a batch of clips, which TensorBoard plays.

    Args:
        name: As in ``image``: each clip of a batch has its own tag.
        frames: [frames, height, width], [frames, height, width, channels] or [batch, frames,
            height, width, channels] with 1 to 4 channels.
        step: As in ``image``.
        fps: Frames per second, 0.002 to 60; at most 50 for a GIF.
        format: "apng" is lossless and has all colours. "gif" has 256 colours; it is for programs
            that cannot read APNG.
        max_outputs: The largest number of clips of a batch that are logged. None: all of them.
        layout: The order of the axes, if ``frames`` have another order than above: "TCHW", "NTCHW",
            …; "BGR" for frames of OpenCV, whose colours are in this order.
        description: Markdown that TensorBoard shows with the clips.
        compression: The compression of an APNG, as in ``image``.
        wall_time: Seconds since the epoch; None: now.
        look: ``value_range`` (the frames of a clip share one range, even if it is found in the
            data), ``nan_color``, ``colormap``, ``colorbar``, ``gamma``, ``log``, ``max_side`` and
            ``scale``, as in ``image``.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     clip = numpy.random.default_rng(0).random((16, 32, 32))
        ...     writer.animation("samples", clip, step=0, fps=4, colormap="viridis")
        True
    """
    name, step, wanted = self._begin(name, step, "an image")
    if not wanted:
        return False
    from tbimage.kinds import animation as kind
    from tbimage.kinds.image import check_max_outputs

    options = picture_options(self, description, None, None, compression, **look)
    most = check_max_outputs(max_outputs)
    clips = kind.prepare(frames, layout, options, fps=fps, format=format, max_outputs=most)
    return log_pictures(self, name, step, wall_time, clips, options)
