"""The sizes of the benchmarks: a full run, and a quick one of a minute and a half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Sizes"]


@dataclass(frozen=True)
class Sizes:
    """The sizes of a run of the benchmarks.

    Attributes:
        repeats: Fresh processes for each figure.
        fewer: Sections that have fewer repeats: of ours, and of peers.
        calls: What part of ``Column.calls`` fills one event file.
        round_secs: Event files are written anew for at least so long.
        share: Whether one process of a contestant does all columns, as importing some takes long.
        import_pairs: How often tbimage is imported in one repeat; peers once.
        caller_calls: Calls whose duration is measured against ``np.copy``.
        memory_photos: Photographs of 1080×1920 that are logged as fast as the caller can.
        image_counts: Images in one event file.
        scalar_counts: Scalars in one event file.
        most_peer_scalars: Peers are spared larger counts than this.
        marginal_images: The image whose cost is compared to that of the 100th.
        marginal_scalars: The scalar whose cost is compared to that of the first thousands.
        encoder_rounds: Turns of each encoder at each picture in one repeat.
        encoder_most_bytes: Larger pictures of the corpus are left out.
        reading_photos: Photographs in the file that is read back.
        reading_scalars: Scalars in it.
        reading_runs: Runs in the log directory that is read back.
    """

    repeats: int
    fewer: Mapping[str, tuple[int, int]]
    calls: float
    round_secs: float
    share: bool
    import_pairs: int
    caller_calls: int
    memory_photos: int
    image_counts: Sequence[int]
    scalar_counts: Sequence[int]
    most_peer_scalars: int
    marginal_images: int
    marginal_scalars: int
    encoder_rounds: int
    encoder_most_bytes: int
    reading_photos: int
    reading_scalars: int
    reading_runs: int


FULL = Sizes(
    repeats=3,
    # Importing peers takes seconds, and so do 10,000 images. Encoders take turns in one process.
    fewer={
        "photos": (3, 2),
        "encoders": (1, 0),
        "memory": (1, 0),
        "start": (3, 1),
        "scalars": (3, 1),
        "images": (1, 1),
        "reading": (3, 1),
    },
    calls=1.0,
    round_secs=0.6,
    share=False,
    import_pairs=5,
    caller_calls=150,
    memory_photos=1000,
    image_counts=(100, 1000, 10_000),
    scalar_counts=(10_000, 100_000, 1_000_000),
    most_peer_scalars=100_000,
    marginal_images=10_000,
    marginal_scalars=1_000_000,
    encoder_rounds=3,
    encoder_most_bytes=1 << 40,
    reading_photos=500,
    reading_scalars=100_000,
    reading_runs=1000,
)

QUICK = Sizes(
    repeats=1,
    fewer={},
    calls=0.25,
    round_secs=0.3,
    share=True,
    import_pairs=5,
    caller_calls=50,
    memory_photos=60,
    image_counts=(100, 500),
    scalar_counts=(3000, 30_000),
    most_peer_scalars=3000,
    marginal_images=3000,
    marginal_scalars=100_000,
    encoder_rounds=1,
    encoder_most_bytes=500_000,
    reading_photos=50,
    reading_scalars=10_000,
    reading_runs=100,
)
