"""Kinds of summaries: data in, a serialized ``Summary`` out, as pieces. One file for each kind.

What a kind's file holds: what is checked in the caller's thread, what is copied there, and the
function that a worker calls to make the summary. What it does not hold: threads, files, steps and
logging. Findings about the data are handed to a ``report`` function.
"""
