"""From a call to the file: encode in parallel, commit in order, never stop.

**Who owns what.** One *owner* thread for each process (``owner.py``) holds all state that matters:
for each writer a *channel* (``channel.py``), and in it for each set of files a *lane* (``lane.py``)
with the order, the automatic steps and what is pending. *Workers* encode pictures, read
directories and write files; each has what it works at to itself until it is done. Callers
(``callers.py``) hold nothing.

**The way of a summary.** A caller makes a *ticket* (``tickets.py``) and puts it into the channel's
inbox. The owner takes it out, decides its step, and appends it to its lane. A large picture goes
to an encoder and comes back as a record; a scalar or a small picture waits as it is. When the head
of a lane is ready, and scalars have waited ``flush_secs`` for company, the owner gives a worker a
*commit*: it makes what records are missing, and writes them with one system call. What came of it
the owner *settles*: it counts, frees memory, admits callers that wait for room, and answers
flushes.

**Why nothing can get stuck.**

- A caller changes what is shared by exactly one ``SimpleQueue.put``, which CPython performs as one
  step. A signal, an exception or a fork comes before it or after it.
- Messages are wake-ups and hold no state. What a worker has done stands in the commit or the work
  that it was given. While something is pending the owner looks 20 times a second; a caller that
  waits looks 10 times, and sends its request again if the owner has not seen it.
- When nothing is pending the owner first clears ``awake``, then looks into the inbox once more; a
  caller first puts, then looks at ``awake``. One of both sees the other.
- The owner waits for nothing but its messages: no file, no lock, no log handler. So it answers
  while a disk hangs, and other writers go on. A write that never returns keeps one worker; the
  writer is then not ``healthy``, its flushes time out, its ``close`` gives up what is pending.
- Memory is reserved by an object, the ticket's ``Work``, and counts for as long as this exists:
  who is interrupted has nothing to give back.
- An error in a step of the owner is noted, and the next turn goes on: results are computed first
  and stored last.

**Forks.** Each call compares the process id. A child has an owner and channels of its own, made
with its first call; what was pending stays with the parent.
"""

from tbimage.pipeline import lifecycle as lifecycle
from tbimage.pipeline.callers import STUCK_SECS as STUCK_SECS
from tbimage.pipeline.callers import Pipeline as Pipeline
from tbimage.pipeline.requests import PipelineOptions as PipelineOptions
