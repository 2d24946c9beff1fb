"""Callbacks, loggers and handlers of other packages that log through ``tbimage``."""
