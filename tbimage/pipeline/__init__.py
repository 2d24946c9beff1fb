"""From a call to the file: encode in parallel, commit in order, never stop.

**Who owns what.** Each process has one *owner* thread (``owner.py``), which has all state that
matters: a *channel* for each writer (``channel.py``), and in it two *lanes* (``lane.py``): for the
files of the run, and of its sub-runs. A lane keeps its summaries in order, and chooses a step for
those that have none. The owner gives a channel a *turn* when a message for it comes, and regularly
while something is pending. *Workers* encode, read and write files. Callers have no state.

**The way of a summary.** A caller makes a *ticket* (``events/tickets.py``) and puts it into the
inbox of the channel. The owner takes it out, decides its step, and appends it to its lane. An
encoder makes the record of a large picture. Scalars and small pictures need no encoder. Scalars
wait for ``flush_secs``, unless a picture behind them is ready, a caller waits, or memory is short.
Then the owner gives a worker a *commit* (``events/backlog.py``): the tickets of the lane up to the
first one that is not ready. The worker makes the missing records, and writes all records, on a disk
usually with one system call. The owner then *settles* the commit: it updates the counts, frees
memory, admits callers that wait for memory, and answers flushes.

**Why nothing can get stuck.**

- A caller hands over its ticket with one ``SimpleQueue.put``, which CPython performs as one step. A
  signal, an exception or a fork comes before this step or after it.
- A lost message does no harm. A worker stores its results in the object that it was given, a commit
  or the ``Work`` of a ticket, and the owner checks 20 times a second while something is pending. A
  waiting caller sends its request again 10 times a second until it has an answer; the owner ignores
  a request that it has seen.
- While ``awake``, a flag of a channel, is True, the owner reads the inbox without a message. When
  nothing is pending, the owner clears ``awake``, then checks the inbox once more. A caller puts its
  ticket, then checks ``awake``. So the owner sees the ticket, or the caller sends a message.
- The owner waits only for messages, never for a file, a lock or a log handler. So while a disk
  hangs, it still answers, and other writers continue. A write that never returns occupies one
  worker. Its writer is then not ``healthy``, flushes time out, and ``close`` gives summaries up.
- Memory is reserved by an object, the ``Work`` of a ticket. If a caller is interrupted before it
  puts the ticket, Python deletes the ``Work``, and this ends the reservation.
- If a turn raises an exception, the owner logs it and continues. A turn computes its results first
  and stores them last. If a commit fails before its records exist, its tickets go back to the lane.

**Forks.** Each call compares the process id. The first call in a forked child makes an owner and
channels for the child. Summaries that were pending stay with the parent.
"""

from tbimage.pipeline import lifecycle as lifecycle
from tbimage.pipeline.callers import Pipeline as Pipeline
from tbimage.pipeline.requests import PipelineOptions as PipelineOptions
