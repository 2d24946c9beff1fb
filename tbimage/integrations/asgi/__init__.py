"""Middleware for ASGI services. It logs sampled images and latencies, and serves counters."""

from __future__ import annotations

from tbimage.integrations.asgi.middleware import TensorBoardMiddleware

__all__ = ["TensorBoardMiddleware"]
