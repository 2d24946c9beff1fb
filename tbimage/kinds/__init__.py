"""The kinds of summaries. Each module checks the arguments of one kind, and makes a Summary.

``prepare`` runs in the caller's thread, and a worker calls ``summary``. Kinds use no threads, no
files, no steps and no logging. They pass findings about the data to a ``report`` function.
"""
