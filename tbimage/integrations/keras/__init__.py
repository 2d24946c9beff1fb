"""Callbacks for Keras 3 on JAX, torch or TensorFlow: ``TensorBoard``, and ``ImagesCallback``.

``TensorBoard`` uses the same tags, runs and steps as ``keras.callbacks.TensorBoard`` does on the
backend TensorFlow. Three things are different on purpose:

- Images of weights show the range of their values, since most weights are not within [0, 1].
- Embeddings are points of the Projector page. Keras saves files that this page cannot read.
- With ``update_freq=n``, each epoch is logged. Keras leaves out an epoch if its last batch is not
  an n-th batch.
"""

from __future__ import annotations

from tbimage.integrations.keras.images import ImagesCallback
from tbimage.integrations.keras.tensorboard import TensorBoard

__all__ = ["ImagesCallback", "TensorBoard"]
