"""Callbacks for Keras 3 on JAX, torch or TensorFlow: ``TensorBoard``, and ``ImagesCallback``.

``TensorBoard`` uses the same tags, runs and steps as ``keras.callbacks.TensorBoard`` does on the
backend TensorFlow. Three things are different on purpose:

- In images of weights, black is the smallest value and white is the greatest value, because most
  weights are not within [0, 1].
- Embeddings are shown as points on the Projector page. This page cannot read the files that Keras
  saves.
- With ``update_freq=n``, each epoch is logged. Keras leaves out an epoch if the number of its last
  batch is not a multiple of n.
"""

from __future__ import annotations

from tbimage.integrations.keras.images import ImagesCallback
from tbimage.integrations.keras.tensorboard import TensorBoard

__all__ = ["ImagesCallback", "TensorBoard"]
