"""The methods of ``SummaryWriter`` that log something, one file for each family.

Each is a function whose first argument is the writer; ``writer/__init__.py`` makes them methods.

Rules:
- The order is always: name, step and ``record_if``; then what can be told from the arguments, so
  that errors go to the caller; then one call that logs.
- A kind is imported within its method, with its first use: who logs scalars does not wait for
  NumPy, and who logs images does not wait for protobuf.
- The step stands right behind the data; what follows it is keyword-only.
"""
