"""The methods of ``SummaryWriter`` that log something, in families.

What lives here: for each kind of summary one function whose first argument is the writer:
arguments, their documentation, and the calls that check, copy and hand over. ``writer.py`` makes
them methods. What does not: what a summary is (``kinds/``), what all kinds share
(``run_writer.py``).

Rules:
- The order is always: name, step and ``record_if``; then what can be told from the arguments, so
  that errors go to the caller; then one call that logs.
- A kind is imported within its method, with its first use: who logs scalars does not wait for
  NumPy, and who logs images does not wait for protobuf.
- The step stands right behind the data; what follows it is keyword-only.
"""
