"""Callbacks, loggers and handlers for other packages. They log with ``tbimage``."""
