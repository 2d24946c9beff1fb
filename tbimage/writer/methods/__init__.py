"""The methods of ``SummaryWriter`` that log something, one file for each family.

For each kind of summary there is one function whose first argument is the writer. It checks the
arguments, takes a snapshot of the data, and passes it to the pipeline. ``writer/__init__.py`` makes
these functions methods. ``writer/base.py`` has their common parts, and ``kinds/`` makes the
summaries.

Rules:
- Each method first checks name, step and ``record_if``. Then it checks the other arguments, so that
  errors are raised in the caller. At last, one call logs the summary.
- Each method imports the module of its kind when it is first called. So a program that logs scalars
  does not import NumPy, and a program that logs images does not import protobuf.
- The step follows the data. All arguments after it are keyword-only.
"""
