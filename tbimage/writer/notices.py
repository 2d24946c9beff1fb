"""Messages to the user about the data, once for each name.

They go to the logger ``tbimage`` and not to ``warnings``: a worker finds most of them, and it does
not know the line of the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # these modules import NumPy, which a writer of scalars does not need
    from tbimage.kinds.audio import Findings as AudioFindings
    from tbimage.pixels.values.pictures import Findings

# After this number of pairs of a name and a topic, no message is logged, to limit the memory.
_MOST_NAMES = 10_000
# The largest number of characters that one message lists.
_MOST_CHARACTERS = 20


class Notices:
    """Logs each message once for each name. ``say`` takes a level, a message and arguments."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._said: dict[tuple[str, str], object] = {}

    def report(self, name: str, findings: Findings, fix: str | None = None) -> None:
        """Log the findings about the values of some images, once for each name.

        ``fix`` is the advice about clipped values. If it is None, the message suggests a
        ``value_range``.
        """
        if findings.non_finite:
            self.once(
                name,
                "non-finite",
                "image %r has %d pixels that are NaN or infinite: painted in nan_color.",
                findings.non_finite,
            )
        if findings.clipped is not None:
            self.once(
                name,
                "clipped",
                "image %r has values from %g to %g, but %g to %g is expected: values outside were "
                "clipped. %s.",
                *findings.clipped,
                *findings.natural,
                fix or _suggest(*findings.clipped, *findings.natural),
            )
        lacking = [each for each in sorted(findings.lacking) if self._is_new(name, f"lacks {each}")]
        if lacking:
            shown = ", ".join(
                f"{each!r} (U+{ord(each):04X})" for each in lacking[:_MOST_CHARACTERS]
            )
            self._warn(
                "image %r has characters that no installed font has; they are drawn as boxes: %s. "
                "Install a font that has them, or choose such a font with tbimage.set_font(path) "
                "or the environment variable TBIMAGE_FONT.",
                name,
                shown,
            )
        for remark, count in findings.remarks.items():
            self.once(name, remark, "image %r has %s: %d.", remark, count)

    def report_encoder(self) -> None:
        """Log once if the compiled PNG encoder is installed but cannot be used."""
        from tbimage.pixels.png.libraries import refusal

        reason = refusal()
        if reason is not None and self._is_new("", "encoder"):
            self._say(
                logging.WARNING, "PNG files are encoded without the compiled encoder: %s", reason
            )

    def report_histogram(self, name: str, non_finite: int) -> None:
        """Log, once for each name, that values of a histogram are in no bucket."""
        self.once(
            name,
            "non-finite",
            "histogram %r has %d values that are NaN or infinite: they are in no bucket.",
            non_finite,
        )

    def report_audio(self, name: str, findings: AudioFindings) -> None:
        """Log the findings about the samples of some clips, once for each name."""
        if findings.non_finite:
            self.once(
                name,
                "non-finite",
                "audio %r has %d samples that are NaN or infinite: NaN became silence.",
                findings.non_finite,
            )
        if findings.peak is not None:
            self.once(
                name,
                "clipped",
                "audio %r has samples up to %g, but floats from -1 to 1 are expected: values "
                "outside were clipped. Divide by the peak, or pass data.astype('int16') if the "
                "samples are 16-bit levels.",
                findings.peak,
            )

    def report_overflow(self, name: str) -> None:
        """Log, once for each name, that a scalar is too large for a float32."""
        self.once(
            name,
            "overflow",
            "scalar %r has a value beyond 3.4e38, the greatest float32: the value is stored as "
            "an infinity. Scale the value, or log its logarithm.",
        )

    def report_mesh(self, name: str, low: float, high: float) -> None:
        """Log, once for each name, that colours of a mesh were clipped."""
        self.once(
            name,
            "clipped",
            "mesh %r has colors from %g to %g, but floats from 0 to 1 are expected: values "
            "outside were clipped. Pass colors.astype('uint8') if the colors are levels from 0 to "
            "255, or scale them.",
            low,
            high,
        )

    def once(self, name: str, topic: str, message: str, *arguments: object) -> None:
        """Log a warning, once for each name and topic.

        ``message`` has a ``%r`` for the name, and then one placeholder for each argument.
        """
        if self._is_new(name, topic):
            self._warn(message, name, *arguments)

    def _warn(self, message: str, *arguments: object) -> None:
        self._say(logging.WARNING, message + " This is said once for each name.", *arguments)

    def _is_new(self, name: str, topic: str) -> bool:
        if len(self._said) >= _MOST_NAMES:
            return False
        first = object()
        return self._said.setdefault((name, topic), first) is first  # atomic


_NAMES_OF_RANGES = {(0.0, 1.0): "'unit'", (-1.0, 1.0): "'signed'", (0.0, 255.0): "'byte'"}


def _suggest(low: float, high: float, least: float, most: float) -> str:
    expected = _NAMES_OF_RANGES.get((least, most), (least, most))
    return (
        f"Pass value_range={_suggest_range(low, high)}, or value_range={expected} to clip values "
        "without a warning"
    )


def _suggest_range(low: float, high: float) -> str:
    if low >= -1 and high <= 1:
        return "'signed' for values from -1 to 1"
    if low >= 0 and 1 < high <= 255:
        return "'byte' for values from 0 to 255"
    return "(low, high), or 'minmax' to stretch each image"
