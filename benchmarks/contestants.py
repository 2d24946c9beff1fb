"""The writers of event files that are compared, each behind the same four methods.

Rules:
- A contestant is called as its documentation says, with its defaults, in the way that suits it.
- Each runs without its optional packages, which is an advantage: the writers of torch and
  tensorboard would import TensorFlow, and tensorboardX would import torch, and none gets faster by
  that. tbimage is two contestants: with its compiled encoder, and as a pure wheel with required
  dependencies only.
- Nothing here imports a contestant before it is opened.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["CONTESTANTS", "OWN", "PLAIN", "TBIMAGE", "Contestant", "Writer", "block", "installed"]

#: tbimage as ``pip install`` gives it, with the compiled encoder, and the pure wheel.
TBIMAGE, PLAIN = "tbimage", "tbimage, pure wheel"
OWN = (TBIMAGE, PLAIN)


class Writer(Protocol):
    """An open event file."""

    def image(self, pixels: Any, step: int) -> None:
        """Log (H, W, 3) uint8."""

    def batch(self, pixels: Any, step: int) -> None:
        """Log (N, H, W, 3) uint8."""

    def scalar(self, value: float, step: int) -> None:
        """Log a number."""

    def close(self) -> None:
        """Wait until all of it is in the file."""


@dataclass(frozen=True)
class Contestant:
    """A writer.

    Attributes:
        name: Its name in tables and on the command line.
        open: A function that opens a writer on a directory.
        statement: The import statement of its users.
        distribution: Its name in a package index, for its version.
        blocked: Modules that its process must not find.
        images: Whether it can log images.
        environment: More environment variables of its process.
    """

    name: str
    open: Callable[[str], Writer]
    statement: str
    distribution: str
    blocked: Sequence[str] = ()
    images: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


class _Tbimage:
    def __init__(self, directory: str) -> None:
        import tbimage

        self._writer = tbimage.SummaryWriter(directory)

    def image(self, pixels: Any, step: int) -> None:
        self._writer.image("photo", pixels, step)

    def batch(self, pixels: Any, step: int) -> None:
        self._writer.image("batch", pixels, step)

    def scalar(self, value: float, step: int) -> None:
        self._writer.scalar("loss", value, step)

    def close(self) -> None:
        self._writer.close()


class _AddImage:
    """torch's interface, which is tensorboardX's."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def image(self, pixels: Any, step: int) -> None:
        self._writer.add_image("photo", pixels, step, dataformats="HWC")

    def batch(self, pixels: Any, step: int) -> None:
        self._writer.add_images("batch", pixels, step, dataformats="NHWC")

    def scalar(self, value: float, step: int) -> None:
        self._writer.add_scalar("loss", value, step)

    def close(self) -> None:
        self._writer.close()


def _tensorboardx(directory: str) -> Writer:
    from tensorboardX import SummaryWriter

    return _AddImage(SummaryWriter(directory))


def _torch(directory: str) -> Writer:
    from torch.utils.tensorboard import SummaryWriter

    return _AddImage(SummaryWriter(directory))


class _TensorFlow:
    def __init__(self, directory: str) -> None:
        import tensorflow as tf

        self._summary = tf.summary
        self._writer = tf.summary.create_file_writer(directory)
        self._writer.set_as_default()

    def image(self, pixels: Any, step: int) -> None:
        self._summary.image("photo", pixels[None], step)

    def batch(self, pixels: Any, step: int) -> None:
        self._summary.image("batch", pixels, step, max_outputs=len(pixels))

    def scalar(self, value: float, step: int) -> None:
        self._summary.scalar("loss", value, step)

    def close(self) -> None:
        self._writer.close()


class _Tensorboard:
    """tensorboard's own writer, which has only scalars."""

    def __init__(self, directory: str) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(directory)

    def image(self, pixels: Any, step: int) -> None:
        raise NotImplementedError

    batch = image

    def scalar(self, value: float, step: int) -> None:
        self._writer.add_scalar("loss", value, step)

    def close(self) -> None:
        self._writer.close()


#: Every contestant by its name.
CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(TBIMAGE, _Tbimage, "import tbimage", "tbimage"),
        Contestant(
            PLAIN,
            _Tbimage,
            "import tbimage",
            "tbimage",
            ["isal"],
            environment={"TBIMAGE_PURE": "1"},
        ),
        Contestant("tensorboardX", _tensorboardx, "import tensorboardX", "tensorboardX", ["torch"]),
        Contestant("torch", _torch, "import torch.utils.tensorboard", "torch", ["tensorflow"]),
        Contestant("TensorFlow", _TensorFlow, "import tensorflow", "tensorflow"),
        Contestant(
            "tensorboard",
            _Tensorboard,
            "import tensorboard.summary",
            "tensorboard",
            ["tensorflow"],
            images=False,
        ),
    )
}


def installed(name: str) -> bool:
    """Whether a contestant can take part."""
    if name == TBIMAGE:
        from tbimage.pixels.png.libraries import kernel

        return kernel() is not None
    needed = CONTESTANTS[name].statement.split()[1].split(".")[0]
    return importlib.util.find_spec(needed) is not None


def block(modules: Iterable[str]) -> None:
    """Make the import of these modules fail, as if they were not installed."""
    for name in modules:
        sys.modules[name] = None  # type: ignore[assignment]
