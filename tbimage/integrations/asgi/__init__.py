"""Middleware for ASGI services: sampled pictures and latencies, and counters for a health check."""

from __future__ import annotations

from tbimage.integrations.asgi.middleware import TensorBoardMiddleware

__all__ = ["TensorBoardMiddleware"]
