"""Keras 3 on JAX, torch or TensorFlow: its callback ``TensorBoard``, and one for pictures.

Tags, runs and steps of ``TensorBoard`` are those of ``keras.callbacks.TensorBoard`` under
TensorFlow. Three things are different on purpose:

- Images of weights show the range of their values, since most weights are not within [0, 1].
- Embeddings are points of the Projector page. Keras saves files that this page cannot read.
- With ``update_freq=n``, each epoch is logged. Keras leaves out those whose last batch is not an
  n-th one.
"""

from __future__ import annotations

from tbimage.integrations.keras.images import ImagesCallback
from tbimage.integrations.keras.tensorboard import TensorBoard

__all__ = ["ImagesCallback", "TensorBoard"]
