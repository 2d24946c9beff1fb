"""From a call to the file: encode in parallel, commit in order, never stop.

**Who owns what.** One *owner* thread for each process (``owner.py``) holds all state that matters:
for each writer a *channel* (``channel.py``), and in it for each set of files a *lane* (``lane.py``)
with the order, the automatic steps and what is pending. *Workers* encode pictures, read
directories and write files; a worker has its job to itself until the job is done. Callers
(``callers.py``) hold nothing.

**The way of a summary.** A caller makes a *ticket* (``events/tickets.py``) and puts it into the
channel's inbox. The owner takes it out, decides its step, and appends it to its lane. An encoder
makes the record of a large picture; a scalar or a small picture waits as it is. When the head of a
lane is ready, and scalars have waited for ``flush_secs``, the owner gives a worker a *commit*
(``events/backlog.py``). The worker makes the records that are missing, and writes all of them with
one system call. The owner then *settles* the commit: it counts, frees memory, admits callers that
wait for memory, and answers flushes.

**Why nothing can get stuck.**

- A caller changes what is shared by exactly one ``SimpleQueue.put``, which CPython performs as one
  step. A signal, an exception or a fork comes before it or after it.
- Messages are wake-ups and hold no state. A worker notes its results in the commit or the work that
  it was given. While something is pending, the owner looks 20 times a second. A caller that waits
  looks 10 times a second, and sends its request again if the owner has not seen it.
- When nothing is pending, the owner first clears ``awake`` and then looks into the inbox once more.
  A caller first puts and then looks at ``awake``. One of the two sees the other.
- The owner waits only for its messages: for no file, no lock and no log handler. So it answers
  while a disk hangs, and other writers go on. A write that never returns keeps one worker. Then
  the writer is not ``healthy``, its flushes time out, and its ``close`` gives up what is pending.
- Memory is reserved by an object, the ticket's ``Work``, and counts while this object exists. A
  caller that is interrupted has nothing to give back.
- An error in a step of the owner is noted, and the next turn goes on. Results are computed first
  and stored last. A commit that fails before its records are made gives its tickets back.

**Forks.** Each call compares the process id. A child has an owner and channels of its own, made
with its first call; what was pending stays with the parent.
"""

from tbimage.pipeline import lifecycle as lifecycle
from tbimage.pipeline.callers import Pipeline as Pipeline
from tbimage.pipeline.requests import PipelineOptions as PipelineOptions
