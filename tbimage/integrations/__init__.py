"""Callbacks, loggers and handlers that connect other packages to ``tbimage``."""
