"""Kinds of summaries, one file each: check what the caller passed, and make a Summary of it.

``prepare`` runs in the caller's thread, and a worker calls ``summary``. Kinds use no threads, no
files, no steps and no logging. What they find out about the data goes to a ``report`` function.
"""
