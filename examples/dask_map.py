"""Log from the tasks of Dask: pictures that workers compute, and a number for each.

    python examples/dask_map.py
    tensorboard --logdir runs/dask_map

Each worker logs to a run of its own. With --address, the workers are those of a cluster that is
running; they need this file's packages, and write to the same log directory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import distributed
import numpy as np

from tbimage.integrations.dask import WorkerWriters, worker_writer


def mandelbrot(number: int, size: int = 128) -> float:
    """Draw a part of the Mandelbrot set, log it, and return which share of it is in the set."""
    center, width = -0.7436 + 0.1318j, 3 * 0.8**number
    axis = np.linspace(-width / 2, width / 2, size)
    places = center + axis[None, :] + 1j * axis[:, None]
    values = np.zeros_like(places)
    rounds = np.zeros(places.shape)
    for _ in range(64):
        inside = np.abs(values) <= 2
        values[inside] = values[inside] ** 2 + places[inside]
        rounds += inside
    share = float((np.abs(values) <= 2).mean())

    writer = worker_writer()
    writer.image("set", rounds / rounds.max(), number, value_range="unit", colormap="magma")
    writer.scalar("share", share, number)
    return share


def main(logdir: str, address: str | None = None, pictures: int = 24) -> None:
    """Compute all pictures on workers."""
    where = {"address": address} if address else {"n_workers": 2, "threads_per_worker": 1}
    with distributed.Client(**where, dashboard_address=None) as client:
        client.register_plugin(WorkerWriters(Path(logdir).absolute()))
        shares = client.gather(client.map(mandelbrot, range(pictures)))
        print(f"{len(shares)} pictures, the last with a share of {shares[-1]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/dask_map")
    parser.add_argument("--address")
    parser.add_argument("--pictures", type=int, default=24)
    main(**vars(parser.parse_args()))
