"""The kinds of summaries. Each module checks the arguments of one kind, and makes a Summary.

``prepare`` runs in the caller's thread. ``summary`` usually runs in another thread. Kinds start no
threads, write no files, count no steps and log no messages. They pass findings about the data to a
``report`` function.
"""
