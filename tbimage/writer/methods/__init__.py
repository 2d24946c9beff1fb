"""The methods of ``SummaryWriter`` that log something, one file for each family.

For each kind of summary there is one function whose first argument is the writer. It checks the
arguments, takes a snapshot of the data, and passes it to the pipeline. ``writer/__init__.py`` makes
these functions methods. ``writer/base.py`` has their common parts, and ``kinds/`` makes the
summaries.

Rules:
- The order is always: name, step and ``record_if``; then the checks of the arguments, so that
  errors are raised in the caller; then one call that logs.
- A kind is imported in its method, when it is first used. So a program that logs scalars does not
  import NumPy, and one that logs images does not import protobuf.
- The step follows the data. All arguments after it are keyword-only.
"""
