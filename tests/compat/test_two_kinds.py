"""Two kinds of summaries under one name: each adapter warns, once for each name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.compat import tensorboardx, tf_summary, torch
from tests.pipeline import children

PEERS: dict[str, Any] = {"torch": torch, "tensorboardx": tensorboardx}
#: The name, the step of a call of a peer's writer; and what the warning calls it.
CALLS: dict[str, tuple[Callable[[Any, str, int], object], str]] = {
    "histogram": (lambda w, name, step: w.add_histogram(name, [1.0, 2.0], step), "a histogram"),
    "histogram_raw": (
        lambda w, name, step: w.add_histogram_raw(name, 0, 1, 2, 1, 1, [0.5, 1], [1, 1], step),
        "a histogram",
    ),
    "image": (lambda w, name, step: w.add_image(name, np.zeros((3, 4, 4)), step), "an image"),
    "video": (lambda w, name, step: w.add_video(name, np.zeros((1, 2, 3, 4, 4)), step), "an image"),
    "audio": (lambda w, name, step: w.add_audio(name, np.zeros(80), step, 8000), "audio"),
    "pr_curve": (lambda w, name, step: w.add_pr_curve(name, [0, 1], [0.1, 0.9], step), "a PR cur"),
    "pr_curve_raw": (
        lambda w, name, step: w.add_pr_curve_raw(name, *np.ones((6, 3)), step),
        "a PR curve",
    ),
}
TF_CALLS: dict[str, tuple[Callable[[str, int], object], str]] = {
    "histogram": (lambda name, step: tf_summary.histogram(name, [1.0], step), "a histogram"),
    "image": (lambda name, step: tf_summary.image(name, np.zeros((1, 4, 4, 3)), step), "an image"),
    "audio": (lambda name, step: tf_summary.audio(name, [[[0.5]]], 8000, step), "audio"),
    "text": (lambda name, step: tf_summary.text(name, "a", step), "a text"),
    "write": (lambda name, step: tf_summary.write(name, [1.0], step), "a tensor"),
}


def warned(call: Callable[[int], object], kind: str) -> None:
    """The first call under a name of a scalar warns, later ones do not."""
    with pytest.warns(tbimage.KindWarning, match=f"'weights' was .* a scalar and is .* {kind}"):
        call(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(2)


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("face", PEERS)
def test_the_writers_of_peers(face: str, kind: str, tmp_path: Path) -> None:
    call, words = CALLS[kind]
    with PEERS[face].SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("weights", 0.5, 0)
        writer.add_scalar("", 0.5, 0)
        warned(lambda step: call(writer, "weights", step), words)
        call(writer, "other", 0)


@pytest.mark.parametrize("face", PEERS)
def test_a_mesh_and_a_text_have_names_of_their_own(face: str, tmp_path: Path) -> None:
    """Their tags are longer than the name: nothing is lost."""
    with PEERS[face].SummaryWriter(str(tmp_path)) as writer, warnings.catch_warnings():
        warnings.simplefilter("error")
        writer.add_scalar("weights", 0.5, 0)
        writer.add_text("weights", "a", 0)
        writer.add_mesh("weights", np.zeros((1, 3, 3)), global_step=0)
        with pytest.raises(tbimage.KindWarning, match="a text and is logged as a scalar"):
            writer.add_scalar("weights/text_summary", 0.5, 1)


@pytest.mark.parametrize("kind", TF_CALLS)
def test_tf_summary(kind: str, tmp_path: Path) -> None:
    call, words = TF_CALLS[kind]
    with tf_summary.create_file_writer(str(tmp_path)).as_default():
        tf_summary.scalar("weights", 0.5, 0)
        warned(lambda step: call("weights", step), words)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_process_of_a_global_writer(tmp_path: Path) -> None:
    children.run(
        """
        import os, sys, warnings
        import numpy as np
        import tbimage
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])
        writer.add_scalar("weights", 0.5)
        if not os.fork():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                writer.add_image("weights", np.zeros((3, 4, 4)))
                writer.add_image("weights", np.zeros((3, 4, 4)))
            os._exit([each.category for each in caught] != [tbimage.KindWarning])
        assert os.wait()[1] == 0
        writer.close()
        """,
        tmp_path,
    )
