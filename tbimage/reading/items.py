"""Read histograms, texts, sounds and tensors, in all forms that writers use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tbimage.reading.index import AUDIO, HISTOGRAM
from tbimage.reading.places import Place
from tbimage.reading.tensors import check_repetitions, to_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "LAYOUT_TAG",
    "Audio",
    "HParams",
    "Histogram",
    "Layout",
    "Tensor",
    "Text",
    "audio",
    "histogram",
    "hparams",
    "layout",
    "tensor",
    "text",
]

#: A layout maps each category to its charts, by title. A chart is a kind (``"multiline"`` or
#: ``"margin"``) and a list of tags. ``SummaryWriter.custom_scalars`` takes the same form.
Layout = Mapping[str, Mapping[str, tuple[str, list[str]]]]
LAYOUT_TAG = "custom_scalars__config__"  # tensorboard/plugins/custom_scalar/metadata.py

# The names of hparams' enum Status, ordered by number; see proto/tbimage/hparams.proto.
_STATUSES = ("unknown", "success", "failure", "running")


@dataclass(frozen=True, eq=False)
class Histogram:
    """A histogram at one step.

    Attributes:
        step: Its step.
        wall_time: When it was logged, in seconds since 1970.
        buckets: float64 ``[k, 3]``: left edge, right edge and count of each bucket, as TensorBoard
            shows them. For TF1's form, the empty buckets at both ends are left out, and the
            minimum and the maximum replace the first and the last edge
            (``data_compat._migrate_histogram_value``).
        limits: float64 ``[n]``, the right edge of each bucket as it was logged.
        counts: float64 ``[n]``, the count of each bucket as it was logged.
        min, max, num, sum, sum_squares: Only TF1's form has these numbers. For tensors, min, max
            and num are computed from the buckets, and the others are NaN.
    """

    step: int
    wall_time: float
    buckets: NDArray[np.float64]
    limits: NDArray[np.float64]
    counts: NDArray[np.float64]
    min: float
    max: float
    num: float
    sum: float
    sum_squares: float


@dataclass(frozen=True)
class Text:
    """A text at one step.

    Attributes:
        step: Its step.
        wall_time: When it was logged, in seconds since 1970.
        text: The Markdown text. An array of strings has one line for each row.
        strings: ``str`` objects in the logged shape. TensorBoard shows arrays of rank 1 and 2 as
            tables.
    """

    step: int
    wall_time: float
    text: str
    strings: NDArray[Any]


@dataclass(frozen=True)
class Audio:
    """A sound at one step.

    Attributes:
        step: Its step.
        wall_time: When it was logged, in seconds since 1970.
        sample: The number of the sound in its step.
        encoded: The bytes of a WAV or other file.
        content_type: ``"audio/wav"`` or another type. Empty if the type is not known.
        label: The label of the sound, or empty. Only a tensor of sounds can have labels.
        sample_rate: The sample rate in Hz. 0 if only the encoded sound has it.
    """

    step: int
    wall_time: float
    sample: int
    encoded: bytes
    content_type: str
    label: str
    sample_rate: float


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor at one step.

    Attributes:
        step: Its step.
        wall_time: When it was logged, in seconds since 1970.
        value: An array in the shape of the tensor. Strings are ``bytes`` objects. The array may be
            read-only.
    """

    step: int
    wall_time: float
    value: NDArray[Any]


@dataclass(frozen=True)
class HParams:
    """The hyperparameters of a run.

    Attributes:
        values: Numbers, booleans and strings, by name.
        metrics: The tags of the metrics that the experiment lists.
        group: The name of the group of the run, or empty.
        status: ``"success"``, ``"failure"``, ``"running"`` or ``"unknown"``.
    """

    values: Mapping[str, float | bool | str]
    metrics: tuple[str, ...]
    group: str
    status: str


def _array(place: Place) -> NDArray[Any]:
    try:
        return to_array(bytes(place.load()))
    except OverflowError as error:
        raise place.broken(str(error)) from None
    except ValueError as error:
        if getattr(error, "offset", None) is not None:  # CorruptFileError has the place already
            raise
        raise place.broken(str(error)) from None


def _small_array(place: Place) -> NDArray[Any]:
    """Read an array that the caller copies. Raise an error if one element repeats too often."""
    array = _array(place)
    try:
        check_repetitions(array)
    except ValueError as error:
        raise place.broken(str(error)) from None
    return array


def _message(place: Place, kind: Any) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(bytes(place.load()))
    except DecodeError as error:
        raise place.broken(str(error)) from None


def tensor(step: int, wall_time: float, sample: int, place: Place) -> Tensor:
    """Read a tensor."""
    return Tensor(step, wall_time, _array(place))


def text(step: int, wall_time: float, sample: int, place: Place) -> Text:
    """Read a text."""
    import numpy as np

    array = _small_array(place)
    strings = np.empty(array.shape, object)
    for index, each in np.ndenumerate(array):
        strings[index] = each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
    rows = [np.ravel(row) for row in strings] if strings.ndim else [strings.reshape(1)]
    return Text(step, wall_time, "\n".join(" | ".join(row) for row in rows), strings)


def audio(step: int, wall_time: float, sample: int, place: Place) -> Audio:
    """Read a sound."""
    if place.form == AUDIO:
        from tbimage.events.messages import Summary

        message = _message(place, Summary.Audio)
        encoded, rate = message.encoded_audio_string, message.sample_rate
        return Audio(step, wall_time, sample, encoded, message.content_type, "", rate)
    array = _small_array(place)
    rows = array if array.ndim else array.reshape(1)
    row = rows[sample : sample + 1].reshape(-1)
    if not len(row) or not isinstance(row[0], bytes):
        raise place.broken(f"it has no sound {sample}")
    label = row[1].decode("utf-8", "replace") if len(row) > 1 else ""
    content_type = "audio/wav" if row[0].startswith(b"RIFF") else ""
    return Audio(step, wall_time, sample, row[0], content_type, label, 0.0)


def histogram(step: int, wall_time: float, sample: int, place: Place) -> Histogram:
    """Read a histogram."""
    if place.form == HISTOGRAM:
        return _old_histogram(step, wall_time, place)
    import numpy as np

    array = _small_array(place)
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "fiu":
        raise place.broken(f"a histogram has the shape [k, 3], but got {list(array.shape)}")
    buckets = array.astype(np.float64)
    lowest, highest = (buckets[0, 0], buckets[-1, 1]) if len(buckets) else (np.nan, np.nan)
    edges = buckets[:, 1], buckets[:, 2]
    about = float(lowest), float(highest), float(buckets[:, 2].sum()), np.nan, np.nan
    return Histogram(step, wall_time, buckets, *edges, *about)


def _old_histogram(step: int, wall_time: float, place: Place) -> Histogram:
    import numpy as np

    from tbimage.events.messages import HistogramProto

    message = _message(place, HistogramProto)
    limits, counts = np.array(message.bucket_limit, float), np.array(message.bucket, float)
    size = min(len(limits), len(counts))
    limits, counts = limits[:size], counts[:size]
    filled = np.flatnonzero(counts > 0)
    buckets = np.zeros((0, 3))
    if len(filled):
        first, last = filled[0], filled[-1]
        inner = limits[first:last]
        lefts, rights = np.append(message.min, inner), np.append(inner, message.max)
        buckets = np.stack([lefts, rights, counts[first : last + 1]], axis=1)
    about = message.min, message.max, message.num, message.sum, message.sum_squares
    return Histogram(step, wall_time, buckets, limits, counts, *about)


def hparams(contents: Iterable[bytes]) -> HParams:
    """Read hyperparameters from the metadata of the plugin ``hparams``."""
    from google.protobuf.message import DecodeError

    from tbimage.events.messages import HParamsPluginData

    values: dict[str, float | bool | str] = {}
    metrics: list[str] = []
    group, status = "", "unknown"
    for content in contents:
        try:
            data = HParamsPluginData.FromString(content)
        except DecodeError:
            continue  # another plugin uses this name
        metrics += [info.name.tag for info in data.experiment.metric_infos]
        group = data.session_start_info.group_name or group
        for name, value in data.session_start_info.hparams.items():
            which = value.WhichOneof("kind")
            if which in ("number_value", "string_value", "bool_value"):
                values[name] = getattr(value, which)
        if data.HasField("session_end_info"):
            status = dict(enumerate(_STATUSES)).get(data.session_end_info.status, "unknown")
    return HParams(values, tuple(metrics), group, status)


def layout(place: Place) -> Layout:
    """Read a layout of the Custom Scalars dashboard."""
    from google.protobuf.message import DecodeError

    from tbimage.events.messages import Layout as LayoutMessage

    strings = _small_array(place).reshape(-1)
    if not len(strings) or not isinstance(strings[0], bytes):
        raise place.broken("it has no layout")
    try:
        message = LayoutMessage.FromString(strings[0])
    except DecodeError as error:
        raise place.broken(str(error)) from None
    charts: dict[str, dict[str, tuple[str, list[str]]]] = {}
    for category in message.category:
        titles = charts.setdefault(category.title, {})
        for chart in category.chart:
            if chart.WhichOneof("content") == "margin":
                threes = ((each.value, each.lower, each.upper) for each in chart.margin.series)
                titles[chart.title] = "margin", [tag for three in threes for tag in three]
            else:
                titles[chart.title] = "multiline", list(chart.multiline.tag)
    return charts
