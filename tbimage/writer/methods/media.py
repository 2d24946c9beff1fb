"""Methods for sound, text and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks

if TYPE_CHECKING:
    from tbimage.writer.base import RunWriter


def audio(
    self: RunWriter,
    name: str,
    data: Any,
    sample_rate: SupportsIndex,
    step: SupportsIndex | None = None,
    *,
    layout: str | None = None,
    max_outputs: int | None = None,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log one clip of audio or a batch of clips.

    Args:
        name: The tag.
        data: [frames], [frames, channels] or [clips, frames, channels] with 1 or 2 channels. Floats
            from -1 to 1 become integers of 16 bits, as in tf.summary; uint8, int16 and int32 are
            stored unchanged.
        sample_rate: Frames per second.
        step: As in ``image``.
        layout: The order of the axes clips (N), frames (T) and channels (C): a permutation of "T",
            "TC", "NT" or "NTC". For [channels, frames] of torchaudio, pass "CT". None: "T", "TC" or
            "NTC", for one, two or three axes.
        max_outputs: The largest number of clips of a batch that are logged. None: all of them. (The
            default of tf.summary is 3.)
        description: Markdown that TensorBoard shows with the clips.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape, a channel count or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     tone = numpy.sin(numpy.arange(8000) * 440 * 2 * numpy.pi / 8000)
        ...     writer.audio("tone", tone, 8000, step=0)
        True
    """
    name, step, wanted = self._begin(name, step, "audio")
    if not wanted:
        return False
    from tbimage.kinds import audio as kind

    max_outputs = checks.integer("max_outputs", max_outputs, 0, optional=True)
    clips = kind.prepare(data, kind.check_sample_rate(sample_rate), max_outputs, layout)
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)

    report = partial(self._notices.report_audio, name)
    make = partial(kind.summary, name)
    cost = clips.samples.nbytes
    return self._log(name, step, wall_time, make, clips, description, report, cost=cost)


def text(
    self: RunWriter,
    name: str,
    data: str | Sequence[Any] | Any,
    step: SupportsIndex | None = None,
    *,
    markdown: bool = True,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log a text, or a table of texts.

    Args:
        name: The tag.
        data: A string of Markdown; or a list or array of such strings, of rank 1 or 2, which
            TensorBoard shows as a table.
        step: As in ``image``.
        markdown: Whether TensorBoard renders the text as Markdown. Default True, as in tf.summary.
            False: the text is stored as a code block. It is shown unchanged, but tabs become
            spaces.
        description: Markdown that TensorBoard shows with the text.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type, or ``data`` has something other than strings.
        ValueError: A string is not valid Unicode, rows differ in length, or the rank is above 2.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.text("prompt", "Draw *a cat*.", step=0)
        ...     writer.text("answers", [["first", "a cat"], ["second", "a dog"]], step=0)
        True
        True
    """
    name, step, wanted = self._begin(name, step, "a text")
    if not wanted:
        return False
    from tbimage.kinds import text as kind

    strings = kind.prepare(data)
    if not checks.flag("markdown", markdown):
        strings = kind.verbatim(strings)
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)
    return self._log(name, step, wall_time, partial(kind.summary, name), strings, description)


def mesh(
    self: RunWriter,
    name: str,
    vertices: Any,
    step: SupportsIndex | None = None,
    *,
    faces: Any = None,
    colors: Any = None,
    config: Mapping[str, Any] | None = None,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log a mesh or a point cloud, or a batch of them.

    Args:
        name: The start of the tags: ``name_VERTEX``, ``name_FACE``, ``name_COLOR``.
        vertices: [points, 3] or [batch, points, 3]: x, y and z of each point, stored as float32.
        step: As in ``image``.
        faces: [faces, 3] or [batch, faces, 3]: the indices of the points of each triangle. None: a
            point cloud.
        colors: Red, green and blue of each point, in the shape of ``vertices``: integers from 0 to
            255 or floats from 0 to 1.
        config: Camera, lights and material, in the form that the mesh plugin passes to THREE.js.
        description: Markdown that TensorBoard shows with the mesh.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The shapes do not fit each other, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     points = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
        ...     writer.mesh("triangle", points, step=0, faces=[[0, 1, 2]])
        True
    """
    from tbimage.kinds import mesh as kind

    key = kind.first_tag(checks.name(name))
    name, number, wanted = self._begin(name, step, "a mesh", key=key)
    if not wanted:
        return False
    parts = kind.prepare(vertices, faces, colors)
    json = kind.check_config(config)
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)
    make = partial(kind.summary, name)
    report = partial(self._notices.report_mesh, name)
    return self._log(key, number, wall_time, make, parts, json, description, report)
