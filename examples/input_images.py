"""Look at what your network is fed: a batch of images at every step.

    python examples/input_images.py
    tensorboard --logdir runs/input_images

Each image of the batch is a card in TensorBoard, with a slider for the steps.
"""

from __future__ import annotations

import argparse

import tbimage
from tbimage.cli.cases import input_batch


def main(logdir: str) -> None:
    """Log five batches."""
    with tbimage.SummaryWriter(logdir) as writer:
        for step in range(5):
            images = input_batch(step)  # yours: uint8, [4, 64, 64, 3]
            writer.image(
                "input",
                images,
                step,
                max_outputs=3,  # of the four
                description="What the network is fed: random crops, mirrored at random.",
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/input_images")
    main(parser.parse_args().logdir)
