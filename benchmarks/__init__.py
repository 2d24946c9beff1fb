"""Benchmarks of tbimage and its peers; not part of the installed package."""
