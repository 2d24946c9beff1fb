"""Keras 3 on JAX, torch or TensorFlow: its callback ``TensorBoard``, and one for pictures."""

from __future__ import annotations

from tbimage.integrations.keras.images import ImagesCallback
from tbimage.integrations.keras.tensorboard import TensorBoard

__all__ = ["ImagesCallback", "TensorBoard"]
