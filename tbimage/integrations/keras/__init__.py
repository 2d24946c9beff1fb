"""Callbacks for Keras 3 on JAX, torch or TensorFlow: ``TensorBoard``, and ``ImagesCallback``.

``TensorBoard`` writes the same tags, runs and steps as ``keras.callbacks.TensorBoard`` with the
TensorFlow backend. There are four intentional differences:

- In images of weights, black is the smallest value and white is the largest value. Keras shows only
  the range [0, 1], so all negative weights are black.
- The Projector page can show the embeddings. It cannot read the files that Keras saves.
- With ``update_freq=n``, each epoch is logged. Keras leaves out an epoch if the number of its last
  batch is not a multiple of n.
- There is no profiler: ``profile_batch`` must be 0.
"""

from __future__ import annotations

from tbimage.integrations.keras.images import ImagesCallback
from tbimage.integrations.keras.tensorboard import TensorBoard

__all__ = ["ImagesCallback", "TensorBoard"]
