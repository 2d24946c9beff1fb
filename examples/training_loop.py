"""Log a training: scalars at every step, images at every 25th step, with a validation run.

    python examples/training_loop.py
    tensorboard --logdir runs/training_loop

A network of two layers learns a photograph: its input is the place of a pixel, its output the
colour. It is trained on three quarters of the pixels and validated on the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import tbimage
from tbimage.cli.cases import photographs

Array = NDArray[np.floating]


class Network:
    """Two layers, trained with Adam. The inputs are waves of random directions and lengths."""

    def __init__(self, random: np.random.Generator, inputs: int = 64, hidden: int = 64) -> None:
        self.waves = random.normal(0, 20, (2, inputs // 2)).astype(np.float32)
        self.weights = [
            random.normal(0, inputs**-0.5, (inputs, hidden)).astype(np.float32),
            random.normal(0, 0.1 * hidden**-0.5, (hidden, 3)).astype(np.float32),
        ]
        self.moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in self.weights]

    def features(self, places: Array) -> Array:
        """Turn places, [N, 2] from 0 to 1, into inputs, [N, inputs]."""
        phases = places.astype(np.float32) @ self.waves
        return np.concatenate([np.sin(phases), np.cos(phases)], axis=1)

    def predict(self, features: Array) -> Array:
        """Turn inputs, [N, inputs], into colours, [N, 3]."""
        return np.maximum(features @ self.weights[0], 0) @ self.weights[1] + 0.5

    def train(self, features: Array, colors: Array, step: int) -> None:
        """Take one step against the gradient of the mean squared error."""
        hidden = np.maximum(features @ self.weights[0], 0)
        slope = 2 * (hidden @ self.weights[1] + 0.5 - colors) / colors.size
        gradients = [features.T @ ((slope @ self.weights[1].T) * (hidden > 0)), hidden.T @ slope]
        for weight, gradient, (mean, square) in zip(
            self.weights, gradients, self.moments, strict=True
        ):
            mean += 0.1 * (gradient - mean)
            square += 0.01 * (gradient**2 - square)
            rate = 0.01 / (1 - 0.9 ** (step + 1)) * (1 - 0.99 ** (step + 1)) ** 0.5
            weight -= rate * mean / (np.sqrt(square) + 1e-8)


def main(logdir: str, steps: int = 151) -> None:
    """Train the network, and log losses and pictures."""
    height, width = 64, 96
    picture = photographs()[0].reshape(height, 4, width, 4, 3).mean((1, 3)) / 255
    places = np.indices((height, width)).reshape(2, -1).T / width
    colors = picture.reshape(-1, 3).astype(np.float32)

    random = np.random.default_rng(0)
    seen = random.random(len(colors)) < 0.75
    network = Network(random)
    features = network.features(places)

    # A run for each. TensorBoard draws scalars of the same name into one chart.
    training = tbimage.create_file_writer(Path(logdir, "training"))
    validation = tbimage.create_file_writer(Path(logdir, "validation"))
    with training, validation:
        for step in range(steps):
            tbimage.set_step(step)
            predicted = network.predict(features)
            errors = np.square(predicted - colors).mean(axis=1)

            with training.as_default():
                tbimage.scalar("loss", errors[seen].mean())
                with tbimage.record_if(tbimage.every_n_steps(25)):
                    trained = np.where(seen[:, None], predicted, 0)
                    tbimage.image("picture", trained.reshape(picture.shape), value_range="unit")

            with validation.as_default():
                tbimage.scalar("loss", errors[~seen].mean())
                with tbimage.record_if(tbimage.every_n_steps(25)):
                    tbimage.image("picture", predicted.reshape(picture.shape), value_range="unit")

            network.train(features[seen], colors[seen], step)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/training_loop")
    parser.add_argument("--steps", type=int, default=151)
    main(**vars(parser.parse_args()))
