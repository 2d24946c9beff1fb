"""The functions of ``torch.utils.tensorboard.summary`` that other packages call.

Each function makes a summary and returns it as a message, for ``writer.file_writer.add_summary``.

- The arguments have the names, order and defaults of torch. Tests compare them with the installed
  torch.
- The message classes are in ``tbimage.events.messages``. Every writer of event files accepts the
  bytes of these messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.compat.peers import histograms, meshes, pictures, series, sounds, trials
from tbimage.compat.peers.drafts import message
from tbimage.compat.peers.errors import HParamTypeError
from tbimage.compat.peers.numbers import number
from tbimage.kinds import custom_scalars as layout_kind
from tbimage.writer.caller_warnings import warn_caller

if TYPE_CHECKING:
    from tbimage.events.messages import Summary

__all__ = [
    "audio",
    "check_hparams",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]


def check_hparams(
    hparam_dict: Any, metric_dict: Any, hparam_domain_discrete: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check hyperparameters as torch does. Return them and their domains.

    If a domain does not contain the value of its hyperparameter, this value is added.

    Example:
        >>> check_hparams({"lr": 0.1}, {}, {"lr": [0.2]})
        ({'lr': 0.1}, {'lr': [0.2, 0.1]})
    """
    domains = {} if hparam_domain_discrete is None else hparam_domain_discrete
    given = {
        "hparam_dict": hparam_dict,
        "metric_dict": metric_dict,
        "hparam_domain_discrete": domains,
    }
    for name, value in given.items():
        if not isinstance(value, dict):
            raise TypeError(f"{name} must be a dict, got {value!r:.80}")
    values = {name: _plain(name, value) for name, value in hparam_dict.items()}
    for name, domain in domains.items():
        if name not in values:
            raise TypeError(
                f"hparam_domain_discrete must have hyperparameters as keys, got {name!r}; "
                f"expected some of hparam_dict: {', '.join(map(repr, values))}"
            )
        if not isinstance(domain, list):
            raise TypeError(f"hparam_domain_discrete[{name!r}] must be a list, got {domain!r:.80}")
    return values, {
        name: domain if values[name] in domain else [*domain, values[name]]
        for name, domain in domains.items()
    }


def _plain(name: Any, value: Any) -> Any:
    """Return a hyperparameter as a bool, number, string or None. A tensor must have one element."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        value = item()
    elif hasattr(value, "shape"):
        value = number(f"hparam_dict[{name!r}]", value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise HParamTypeError(
        f"hparam_dict[{name!r}] must be a bool, int, float, str or tensor of one element, got "
        f"{value!r:.80} of type {type(value).__name__}; pass str(...) of it"
    )


def hparams(
    hparam_dict: Any = None, metric_dict: Any = None, hparam_domain_discrete: Any = None
) -> tuple[Summary, Summary, Summary]:
    """Make the messages of a trial: experiment, session start, session end.

    Example:
        >>> experiment, start, end = hparams({"lr": 0.1}, {"loss": 0.5})
        >>> start.value[0].tag
        '_hparams_/session_start_info'
    """
    values, domains = check_hparams(hparam_dict, metric_dict, hparam_domain_discrete)
    return trials.messages(values, metric_dict, domains)


def warn_of_double_precision() -> None:
    """Warn that scalars are stored as float32."""
    warn_caller(
        "double_precision: scalars are stored as float32, because TensorBoard's default loader "
        "does not show float64. add_tensor keeps float64.",
        UserWarning,
    )


def scalar(
    name: Any,
    tensor: Any,
    collections: Any = None,
    new_style: Any = False,
    double_precision: Any = False,
) -> Summary:
    """Make the message of a scalar.

    Example:
        >>> scalar("loss", 0.5).value[0].simple_value
        0.5
    """
    if double_precision:
        warn_of_double_precision()
    value = number("tensor", tensor)
    return message(series.scalar(name, value, as_tensor=bool(new_style)))


def tensor_proto(tag: Any, tensor: Any) -> Summary:
    """Make the message of a tensor.

    Example:
        >>> tensor_proto("weights", np.zeros(3)).value[0].tag
        'weights'
    """
    return message(series.tensor(tag, tensor))


def histogram_raw(
    name: Any,
    min: Any,
    max: Any,
    num: Any,
    sum: Any,
    sum_squares: Any,
    bucket_limits: Any,
    bucket_counts: Any,
) -> Summary:
    """Make the message of a histogram from counts of buckets.

    Example:
        >>> histogram_raw("sizes", 0, 2, 7, 9, 15, [1, 2], [3, 4]).value[0].tag
        'sizes'
    """
    totals = {"min": min, "max": max, "num": num, "sum": sum, "sum_squares": sum_squares}
    return message(histograms.histogram_raw(name, totals, bucket_limits, bucket_counts))


def histogram(name: Any, values: Any, bins: Any, max_bins: Any = None) -> Summary:
    """Make the message of a histogram.

    Example:
        >>> histogram("sizes", np.arange(5), "auto").value[0].tag
        'sizes'
    """
    return message(histograms.histogram(name, values, bins, max_bins))


def image(tag: Any, tensor: Any, rescale: Any = 1, dataformats: Any = "NCHW") -> Summary:
    """Make the message of an image, or of a batch as one grid.

    Example:
        >>> image("photo", np.zeros((1, 3, 8, 8))).value[0].image.width
        8
    """
    if rescale == 1:
        return message(pictures.image(tag, tensor, dataformats, single=True))
    none = np.empty((0, 4))
    return message(pictures.boxes(tag, tensor, none, dataformats, None, rescale, single=True))


def image_boxes(
    tag: Any,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: Any = 1,
    dataformats: Any = "CHW",
    labels: Any = None,
) -> Summary:
    """Make the message of an image with red boxes.

    Example:
        >>> image_boxes("cats", np.zeros((3, 8, 8)), [[1, 1, 5, 5]]).value[0].tag
        'cats'
    """
    return message(
        pictures.boxes(tag, tensor_image, tensor_boxes, dataformats, labels, rescale, single=True)
    )


def video(tag: Any, tensor: Any, fps: Any = 4) -> Summary:
    """Make the message of a batch of clips.

    Example:
        >>> video("clip", np.zeros((1, 2, 3, 8, 8))).value[0].image.encoded_image_string[:3]
        b'GIF'
    """
    return message(pictures.video(tag, tensor, fps, "NTCHW", single=True))


def audio(tag: Any, tensor: Any, sample_rate: Any = 44100) -> Summary:
    """Make the message of a clip of audio.

    Example:
        >>> audio("tone", np.zeros(80), 8000).value[0].tag
        'tone'
    """
    return message(
        sounds.audio(tag, tensor, sample_rate, sounds.truncated_samples, channels_first=True)
    )


def custom_scalars(layout: Any) -> Summary:
    """Make the message of a layout of the Custom Scalars page.

    Example:
        >>> custom_scalars({"all": {"losses": ["Multiline", ["loss"]]}}).value[0].tag
        'custom_scalars__config__'
    """
    return message(series.layout(layout_kind.check_layout(layout)))


def text(tag: Any, text: Any) -> Summary:
    """Make the message of a text.

    Example:
        >>> text("prompt", "*a cat*").value[0].tag
        'prompt/text_summary'
    """
    return message(series.text(tag, text))


def pr_curve_raw(
    tag: Any,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: Any = 127,
    weights: Any = None,
) -> Summary:
    """Make the message of precision and recall that the caller has computed.

    Example:
        >>> pr_curve_raw("cats", *6 * [[1.0, 0.5]]).value[0].tag
        'cats'
    """
    rows = {"tp": tp, "fp": fp, "tn": tn, "fn": fn, "precision": precision, "recall": recall}
    return message(series.pr_curve_raw(tag, rows))


def pr_curve(
    tag: Any, labels: Any, predictions: Any, num_thresholds: Any = 127, weights: Any = None
) -> Summary:
    """Make the message of precision and recall.

    Example:
        >>> pr_curve("cats", [1, 0], [0.9, 0.2]).value[0].tag
        'cats'
    """
    return message(series.pr_curve(tag, labels, predictions, num_thresholds, weights))


def mesh(
    tag: Any,
    vertices: Any,
    colors: Any,
    faces: Any,
    config_dict: Any,
    display_name: Any = None,
    description: Any = None,
) -> Summary:
    """Make the message of a mesh.

    Example:
        >>> mesh("bunny", np.zeros((1, 4, 3)), None, None, None).value[0].tag
        'bunny_VERTEX'
    """
    draft = meshes.mesh(tag, vertices, colors, faces, config_dict, display_name, description)
    return message(draft)
