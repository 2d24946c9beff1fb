"""The methods of ``SummaryWriter`` that log something, in one file for each group of methods.

For each kind of summary there is one function whose first argument is the writer. The function
checks the arguments, takes a snapshot of the data, and passes the snapshot to the pipeline. In
``writer/__init__.py``, these functions become methods. ``writer/base.py`` has their common parts,
and ``kinds/`` makes the summaries.

Rules:
- Most methods first check name, step and ``record_if``. Then they check the other arguments, so
  that errors are raised in the caller. At the end, one call logs the summary.
- Each method imports the module of its kind when it is first called. So a program that logs scalars
  does not import NumPy, and a program that logs images does not import protobuf.
- The step is the argument after the data. All arguments after the step are keyword-only.
"""
