"""Show feature maps, whatever the range of their values.

    python examples/feature_maps.py
    tensorboard --logdir runs/feature_maps

Each map of an image becomes a gray image of its own. Three maps are not red, green and blue.
"""

from __future__ import annotations

import argparse

import tbimage
from tbimage.cli.cases import feature_maps, input_batch


def main(logdir: str) -> None:
    """Log the first three feature maps of each image of a batch."""
    batch = feature_maps(input_batch(0))  # yours: floats of any range, [4, 32, 32, 16]
    with tbimage.SummaryWriter(logdir) as writer:
        for index, maps in enumerate(batch):
            first_three = maps[..., :3]  # [32, 32, 3]; layout="HWN": three images

            # Each map has its own black and white, so that weak maps are visible, too.
            writer.image(
                f"responses/each_map/{index}",
                first_three,
                step=0,
                layout="HWN",
                value_range="minmax",
                description="Black and white are the extremes of each map.",
            )

            # One scale for all maps of an image shows which map responds most.
            writer.image(
                f"responses/each_image/{index}",
                first_three,
                step=0,
                layout="HWN",
                value_range=(maps.min(), maps.max()),
                description="Black and white are the extremes of each image.",
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/feature_maps")
    main(parser.parse_args().logdir)
