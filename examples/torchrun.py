"""Log from every process of a job of torchrun.

    torchrun --nproc-per-node=2 examples/torchrun.py
    tensorboard --logdir runs/torchrun

Each rank trains the same model on its own share of the pixels of a photograph. Each logs the loss
of its share to a run of its own. Rank 0 logs the mean of all losses, and the picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.distributed
from torch.nn.parallel import DistributedDataParallel

import tbimage
from tbimage.cli.cases import photographs


def main(logdir: str, steps: int = 200) -> None:
    """Train in this process, which torchrun has started."""
    torch.distributed.init_process_group("gloo")
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    torch.manual_seed(0)
    picture = torch.tensor(photographs()[0][::4, ::4] / 255, dtype=torch.float32)
    height, width, _ = picture.shape
    places = torch.cartesian_prod(torch.arange(height) / width, torch.arange(width) / width)
    waves = places @ torch.normal(0, 20, (2, 32))
    features = torch.cat([waves.sin(), waves.cos()], dim=1)
    colors = picture.reshape(-1, 3)
    own = slice(rank, None, ranks)  # the pixels of this rank

    layers = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3))
    model = DistributedDataParallel(layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    of_rank = tbimage.SummaryWriter(Path(logdir, "ranks"), rank="separate")
    of_job = tbimage.SummaryWriter(Path(logdir, "job"), rank="zero")
    with of_rank, of_job:
        for step in range(steps):
            loss = torch.nn.functional.mse_loss(model(features[own]), colors[own])
            of_rank.scalar("loss", loss.detach(), step)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

            mean = loss.detach().clone()
            torch.distributed.all_reduce(mean)  # on all ranks
            of_job.scalar("loss", mean / ranks, step)  # logs on rank 0
            if rank == 0 and step % 50 == 0:  # spares the other ranks the computation
                with torch.no_grad():
                    learned = layers(features).reshape(picture.shape)
                of_job.image("picture", learned, step, value_range="unit")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/torchrun")
    parser.add_argument("--steps", type=int, default=200)
    main(**vars(parser.parse_args()))
