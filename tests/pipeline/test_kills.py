"""``kill -9`` at any moment: flushed summaries are in the files, and the next process continues."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import readers
from tests.pipeline import children, logs

# Each child logs until it is killed, and sends the last flushed step through a pipe.
SCRIPT = """
import json, os, random, signal, sys, threading, time
import numpy as np
import tbimage

logdir, kills, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)

def load(attempt):
    # Segments end sometimes, too. Each tag has at most as many points as loaders keep.
    writer = tbimage.SummaryWriter(logdir, max_file_bytes=50_000, flush_secs=0.01)
    def others():
        while True:
            writer.scalar("automatic", 0.5)
            time.sleep(0.002)
    threading.Thread(target=others, daemon=True).start()
    for step in range(900):
        writer.scalar(f"scalar/{attempt}", 0.5, step)
        if step % 3 == 0:
            writer.image(f"image/{attempt}/{step // 30}", picture, step)
        if step % 4 == 0:
            assert writer.flush()
            os.write(told, b"%d\\n" % step)
    signal.pause()

with tbimage.SummaryWriter(logdir + "/imports all that the children need") as writer:
    writer.image("a", picture, 0)
    writer.scalar("a", 0.5, 0)

random.seed(seed)
confirmed = []
for attempt in range(10 * kills):
    if attempt >= kills and max(confirmed) >= 0:  # on a busy machine, all may end too early
        break
    reader, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        load(attempt)
    os.close(told)
    time.sleep(random.random() ** 2 * 0.2 * (1 + attempt // kills))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader) as lines:
        confirmed.append(max((int(line) for line in lines if line.endswith("\\n")), default=-1))
print(json.dumps(confirmed))
"""


def check(logdir: Path, kills: int, seed: int) -> None:
    done = children.run(SCRIPT, logdir, kills, seed)
    confirmed = json.loads(done.stdout)
    assert max(confirmed) >= 0  # otherwise the test shows nothing
    written = logs.steps_by_tag(logdir)
    for attempt, last in enumerate(confirmed):
        scalars = written.get(f"scalar/{attempt}", [])
        assert scalars == list(range(len(scalars)))
        assert len(scalars) > last
        tags = [tag for tag in written if tag.startswith(f"image/{attempt}/")]
        images = [step for tag in tags for step in written[tag]]
        assert images == list(range(0, 3 * len(images), 3))
        assert 3 * len(images) > last
    automatic = written.get("automatic", [])
    assert automatic == list(range(len(automatic)))  # growing, through all restarts
    for loader in readers.LOADERS:
        run = logs.shown(logdir, loader)["."]
        assert run.keys() == written.keys()
        assert {tag: steps for tag, steps in run.items() if steps != written[tag]}.keys() <= {
            "automatic"  # of which there are more than loaders keep
        }


def test_flushed_summaries_survive_a_kill(tmp_path: Path) -> None:
    check(tmp_path, 15, seed=0)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 11))
def test_flushed_summaries_survive_five_hundred_kills(tmp_path: Path, seed: int) -> None:
    check(tmp_path, 50, seed)
