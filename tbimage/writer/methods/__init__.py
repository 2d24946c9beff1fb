"""The methods of ``SummaryWriter`` that log something, in families.

For each kind of summary there is one function whose first argument is the writer. It checks the
arguments, copies what may change, and hands over. ``writer/__init__.py`` makes these functions
methods. ``writer/base.py`` has what they share, and ``kinds/`` makes the summaries.

Rules:
- The order is always: name, step and ``record_if``; then what can be told from the arguments, so
  that errors go to the caller; then one call that logs.
- A kind is imported within its method, with its first use: who logs scalars does not wait for
  NumPy, and who logs images does not wait for protobuf.
- The step stands right behind the data; what follows it is keyword-only.
"""
