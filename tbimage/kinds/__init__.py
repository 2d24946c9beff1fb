"""Kinds of summaries, one file each: check the arguments, and make a Summary from them.

``prepare`` runs in the caller's thread, and a worker calls ``summary``. Kinds use no threads, no
files, no steps and no logging. Findings about the data go to a ``report`` function.
"""
