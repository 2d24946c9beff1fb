"""``tbimage demo``: log three example cases with real photographs, and show them on request.

The scripts in examples/ have the same cases.
"""

from __future__ import annotations

import argparse

from tbimage import SummaryWriter
from tbimage.cli import view

__all__ = ["add_to", "log_feature_maps", "log_inputs", "log_reconstruction", "run"]

_DESCRIPTION = """\
Log three example cases with real photographs to a run directory: the inputs of a network, the
feature maps of its first layer, and a reconstruction with a segmentation. Nothing is downloaded.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("demo", help="log three example cases", description=_DESCRIPTION)
    parser.add_argument(
        "--logdir",
        metavar="DIR",
        default="runs/demo",
        help="the run directory; made if it is missing (default: %(default)s)",
    )
    parser.add_argument(
        "--view", action="store_true", help="show the run in TensorBoard, and print the address"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Log the cases, and show them or print how to see them."""
    if arguments.view:
        view.check_installed()
    try:
        with SummaryWriter(arguments.logdir) as writer:
            log_inputs(writer)
            log_feature_maps(writer)
            log_reconstruction(writer)
    except OSError as error:
        error.filename = error.filename or arguments.logdir  # the error of a full disk has no path
        raise
    print(f"Inputs, feature maps, a reconstruction and a segmentation are in {arguments.logdir}")
    if arguments.view:
        return view.view(arguments.logdir)
    print(view.how_to_see(arguments.logdir))
    return 0


def log_inputs(writer: SummaryWriter) -> None:
    """Log five input batches of a network."""
    from tbimage.cli.cases import input_batch

    for step in range(5):
        writer.image(
            "input",
            input_batch(step),
            step,
            max_outputs=3,
            description="The inputs of the network: random crops. Some of them are mirrored.",
        )


def log_feature_maps(writer: SummaryWriter) -> None:
    """Log the first three feature maps of each image of a batch, as grayscale images."""
    from tbimage.cli.cases import feature_maps, input_batch

    for index, maps in enumerate(feature_maps(input_batch(0))):
        ranges = {"each_map": "minmax", "each_image": (maps.min(), maps.max())}
        for name, value_range in ranges.items():
            writer.image(
                f"responses/{name}/{index}",
                maps[..., :3],
                0,
                layout="HWN",
                value_range=value_range,
                description=f"Black is the smallest value of {name.replace('_', ' ')}, and white "
                "is the greatest value.",
            )


def log_reconstruction(writer: SummaryWriter) -> None:
    """Log photographs beside their reconstructions. Also log differences and a segmentation."""
    import numpy as np

    from tbimage.cli.cases import CLASS_COLORS, photographs, reconstruct, segment

    inputs = photographs()
    for components in (1, 2, 4, 8, 16):
        outputs = reconstruct(inputs, components)
        difference = outputs - inputs / 255
        writer.image(
            "reconstruction/beside_input",
            np.concatenate([inputs / 255, outputs], axis=2),
            components,
            value_range="unit",
            description="Patches of 8 x 8 pixels. The step is the number of principal components.",
        )
        writer.image(
            "reconstruction/difference",
            difference,
            components,
            value_range=(-0.25, 0.25),
            description="Gray means no difference.",
        )
        writer.scalar("reconstruction/mean_squared_error", np.square(difference).mean(), components)
    writer.image(
        "segmentation/classes",
        CLASS_COLORS[segment(inputs)],
        0,
        description="Four classes of colour, found by k-means.",
    )
