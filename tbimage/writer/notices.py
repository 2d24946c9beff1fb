"""Messages to the user about the data, once for each name.

They go to the logger ``tbimage`` and not to ``warnings``: a worker has no line of the caller to
point at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it imports NumPy, which a writer of scalars does not need
    from tbimage.kinds.audio import Findings as AudioFindings
    from tbimage.pixels.values.pictures import Findings

# A service with a new tag for each request must not fill the memory with these names.
_MOST_NAMES = 10_000
# Characters that one message lists.
_MOST_CHARACTERS = 20


class Notices:
    """Logs each message once for each name; ``say`` takes level, message and arguments."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._said: dict[tuple[str, str], object] = {}

    def report(self, name: str, findings: Findings, fix: str | None = None) -> None:
        """Log the findings about the values of some images, once for each name.

        ``fix`` says what to do about clipped values; None: which ``value_range`` to pass.
        """
        if findings.non_finite:
            self.once(
                name,
                "non-finite",
                f"image {name!r} has {findings.non_finite} pixels that are NaN or infinite: "
                "painted in nan_color.",
            )
        if findings.clipped is not None:
            low, high = findings.clipped
            least, most = findings.natural
            fix = fix or _suggest(low, high, least, most)
            self.once(
                name,
                "clipped",
                f"image {name!r} has values from {low:g} to {high:g}, but {least:g} to {most:g} is "
                f"expected: values outside were clipped. {fix}.",
            )
        lacking = [each for each in sorted(findings.lacking) if self._is_new(name, f"lacks {each}")]
        if lacking:
            shown = ", ".join(
                f"{each!r} (U+{ord(each):04X})" for each in lacking[:_MOST_CHARACTERS]
            )
            self._warn(
                f"image {name!r} has characters that no font here has, drawn as boxes: {shown}. "
                "Install a font that has them, or name one with tbimage.set_font(path) or the "
                "environment variable TBIMAGE_FONT."
            )
        for remark, count in findings.remarks.items():
            self.once(name, remark, f"image {name!r} has {remark}: {count}.")

    def report_encoder(self) -> None:
        """Log once if the compiled PNG encoder is installed but cannot be used."""
        from tbimage.pixels.png.libraries import refusal

        reason = refusal()
        if reason is not None and self._is_new("", "encoder"):
            self._say(
                logging.WARNING, "PNG files are encoded without the compiled encoder: %s", reason
            )

    def report_histogram(self, name: str, non_finite: int) -> None:
        """Log that values of a histogram are in no bucket, once for each name."""
        self.once(
            name,
            "non-finite",
            f"histogram {name!r} has {non_finite} values that are NaN or infinite: they are in no "
            "bucket.",
        )

    def report_audio(self, name: str, findings: AudioFindings) -> None:
        """Log the findings about the samples of some clips, once for each name."""
        if findings.non_finite:
            self.once(
                name,
                "non-finite",
                f"audio {name!r} has {findings.non_finite} samples that are NaN or infinite: NaN "
                "became silence.",
            )
        if findings.peak is not None:
            self.once(
                name,
                "clipped",
                f"audio {name!r} has samples up to {findings.peak:g}, but floats from -1 to 1 are "
                "expected: values outside were clipped. Divide by the peak, or pass "
                "data.astype('int16') if these are levels of 16 bits.",
            )

    def report_overflow(self, name: str) -> None:
        """Log that a scalar is too large for a float32, once for each name."""
        self.once(
            name,
            "overflow",
            f"scalar {name!r} has a value beyond 3.4e38, the greatest float32: it is stored as an "
            "infinity. Scale it, or log its logarithm.",
        )

    def report_mesh(self, name: str, low: float, high: float) -> None:
        """Log that colours of a mesh were clipped, once for each name."""
        self.once(
            name,
            "clipped",
            f"mesh {name!r} has colors from {low:g} to {high:g}, but floats from 0 to 1 are "
            "expected: values outside were clipped. Pass colors.astype('uint8') if these are "
            "levels from 0 to 255, or scale them.",
        )

    def once(self, name: str, topic: str, message: str) -> None:
        """Log a warning, once for each name and topic; the message contains the name."""
        if self._is_new(name, topic):
            self._warn(message)

    def _warn(self, message: str) -> None:
        self._say(logging.WARNING, "%s This is said once for each name.", message)

    def _is_new(self, name: str, topic: str) -> bool:
        if len(self._said) >= _MOST_NAMES:
            return False
        first = object()
        return self._said.setdefault((name, topic), first) is first  # one step, for any threads


_NAMES_OF_RANGES = {(0.0, 1.0): "'unit'", (-1.0, 1.0): "'signed'", (0.0, 255.0): "'byte'"}


def _suggest(low: float, high: float, least: float, most: float) -> str:
    expected = _NAMES_OF_RANGES.get((least, most), (least, most))
    return (
        f"Pass value_range={_suggest_range(low, high)}, or value_range={expected} to clip silently"
    )


def _suggest_range(low: float, high: float) -> str:
    if low >= -1 and high <= 1:
        return "'signed' for values from -1 to 1"
    if low >= 0 and 1 < high <= 255:
        return "'byte' for values from 0 to 255"
    return "(low, high), or 'minmax' to stretch each image"
