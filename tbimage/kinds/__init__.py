"""The kinds of summaries. Each module checks the arguments of one kind, and makes a Summary.

The function ``prepare`` of a module runs in the caller's thread. Its function ``summary`` usually
runs in another thread. The modules start no threads, write no files, count no steps and log no
messages. They pass findings about the data to a function ``report``.
"""
