"""Functions of ``tensorboardX.summary`` that other packages call, and tensorboardX's rule for tags.

Each function makes a summary and returns it as a message, for ``writer.file_writer.add_summary``.

- The arguments have the names, order and defaults of tensorboardX. Tests compare them with the
  installed package.
- Functions that are the same in torch are imported from the adapter for torch.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.compat.peers import histograms, meshes, pictures, series, sounds, trials
from tbimage.compat.peers.drafts import message
from tbimage.compat.peers.numbers import number
from tbimage.compat.torch.summary import (
    custom_scalars,
    histogram_raw,
    pr_curve,
    pr_curve_raw,
    text,
)

if TYPE_CHECKING:
    from tbimage.events.messages import Summary

__all__ = [
    "audio",
    "check_hparams",
    "clean_tag",
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
    "text",
    "video",
]

_UNUSUAL = re.compile(r"[^-/\w.]")


def clean_tag(tag: Any) -> Any:
    """Clean a tag as tensorboardX does for scalars, histograms, images and videos.

    Characters other than letters, digits, ``-``, ``_``, ``.`` and ``/`` become ``_``. Each leading
    ``/`` is removed.

    Example:
        >>> clean_tag("/a b/c")
        'a_b/c'
    """
    return _UNUSUAL.sub("_", tag).lstrip("/") if isinstance(tag, str) else tag


def check_hparams(hparam_dict: Any, metric_dict: Any) -> dict[str, Any]:
    """Return hyperparameters. Functions and classes become names, unsupported objects strings.

    Example:
        >>> check_hparams({"lr": 0.1, "optimizer": int, "sizes": [3, 5]}, {})
        {'lr': 0.1, 'optimizer': 'int', 'sizes': '[3, 5]'}
    """
    for name, given in {"hparam_dict": hparam_dict, "metric_dict": metric_dict}.items():
        if not isinstance(given, dict):
            raise TypeError(f"{name} must be a dict, got {given!r:.80}")
    return {name: _plain(value) for name, value in hparam_dict.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, np.bool_, np.number)):
        return value
    if callable(value):
        return getattr(value, "__name__", str(value))
    if math.prod(getattr(value, "shape", (0,))) == 1:  # a tensor of one element is a number
        return value.item()
    return str(value)


def hparams(hparam_dict: Any = None, metric_dict: Any = None) -> tuple[Summary, Summary, Summary]:
    """Make the messages of a trial: experiment, session start, session end.

    Example:
        >>> experiment, start, end = hparams({"lr": 0.1}, {"loss": 0.5})
        >>> start.value[0].tag
        '_hparams_/session_start_info'
    """
    return trials.messages(check_hparams(hparam_dict, metric_dict), metric_dict, None)


def scalar(
    name: Any, scalar: Any, display_name: Any = "", summary_description: Any = ""
) -> Summary:
    """Make the message of a scalar.

    Example:
        >>> scalar("a loss", 0.5).value[0].tag
        'a_loss'
    """
    value = number("scalar", scalar)
    draft = series.scalar(
        clean_tag(name), value, display_name=display_name, description=summary_description
    )
    return message(draft)


def histogram(name: Any, values: Any, bins: Any, max_bins: Any = None) -> Summary:
    """Make the message of a histogram.

    Example:
        >>> histogram("sizes", np.arange(5), "auto").value[0].tag
        'sizes'
    """
    return message(histograms.histogram(clean_tag(name), values, bins, max_bins))


def image(tag: Any, tensor: Any, rescale: Any = 1, dataformats: Any = "CHW") -> Summary:
    """Make the message of an image, or of a batch as one grid.

    Example:
        >>> image("photo", np.zeros((3, 8, 8))).value[0].image.width
        8
    """
    tag = clean_tag(tag)
    if rescale == 1:
        return message(pictures.image(tag, tensor, dataformats, single=False))
    none = np.empty((0, 4))
    return message(pictures.boxes(tag, tensor, none, dataformats, None, rescale, single=False))


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
        pictures.boxes(tag, tensor_image, tensor_boxes, dataformats, labels, rescale, single=False)
    )


def video(tag: Any, tensor: Any, fps: Any = 4, dataformats: Any = "NTCHW") -> Summary:
    """Make the message of a batch of clips.

    Example:
        >>> video("clip", np.zeros((1, 2, 3, 8, 8))).value[0].image.encoded_image_string[:3]
        b'GIF'
    """
    return message(pictures.video(clean_tag(tag), tensor, fps, dataformats, single=False))


def audio(tag: Any, tensor: Any, sample_rate: Any = 44100) -> Summary:
    """Make the message of a clip of audio.

    Example:
        >>> audio("tone", np.zeros((80, 2)), 8000).value[0].tag
        'tone'
    """
    return message(
        sounds.audio(tag, tensor, sample_rate, sounds.shifted_samples, channels_first=False)
    )


def mesh(tag: Any, vertices: Any, colors: Any, faces: Any, config_dict: Any = None) -> Summary:
    """Make the message of a mesh.

    Example:
        >>> mesh("bunny", np.zeros((1, 4, 3)), None, None).value[0].tag
        'bunny_VERTEX'
    """
    return message(meshes.mesh(tag, vertices, colors, faces, config_dict))
