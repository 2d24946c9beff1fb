"""Show inputs beside their reconstructions, the difference, and a segmentation.

    python examples/reconstruction.py
    tensorboard --logdir runs/reconstruction

The step is the number of principal components. Move the slider to see more detail.
"""

from __future__ import annotations

import argparse

import numpy as np

import tbimage
from tbimage.cli.cases import CLASS_COLORS, photographs, reconstruct, segment


def main(logdir: str) -> None:
    """Log reconstructions of photographs, and their segmentation."""
    images = photographs()  # yours: uint8, [2, 256, 384, 3]
    with tbimage.SummaryWriter(logdir) as writer:
        for components in (1, 2, 4, 8, 16):
            inputs = images / 255
            outputs = reconstruct(images, components)  # yours: floats, about 0 to 1

            # Side by side in one image. Reconstructions may leave [0, 1]: "unit" clips them.
            writer.image(
                "reconstruction/beside_input",
                np.concatenate([inputs, outputs], axis=2),
                components,
                value_range="unit",
                description="Patches of 8 x 8 pixels by as many principal components as the "
                "step says.",
            )

            # The same range at all steps, so that they can be compared. Gray is no difference.
            writer.image(
                "reconstruction/difference",
                outputs - inputs,
                components,
                value_range=(-0.25, 0.25),
                description="Gray where there is none.",
            )
            error = np.square(outputs - inputs).mean()
            writer.scalar("reconstruction/mean_squared_error", error, components)

        # Indexing a palette with class numbers gives colours.
        labels = segment(images)  # yours: integers, [2, 256, 384]
        writer.image(
            "segmentation/classes",
            CLASS_COLORS[labels],  # uint8, [2, 256, 384, 3]
            step=0,
            description="Four classes of colour, found by k-means.",
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/reconstruction")
    main(parser.parse_args().logdir)
