"""Write summaries from callers to event files: encode in parallel, write in order, never hang.

**Ownership.** Each process has one *owner* thread (``owner.py``). It owns all important state: a
*channel* for each writer (``channel.py``). A channel has two *lanes* (``lane.py``): one for the
files of the run, one for the files of sub-runs. A lane keeps its summaries in order, and chooses
automatic steps. The owner gives a channel a *turn* when a message for the channel comes, and 20
times a second while something is pending. *Workers* encode, read and write. Callers own no state.

**The path of a summary.** A caller makes a *ticket* (``events/tickets.py``) and puts it into the
inbox of the channel. The owner takes the ticket out, decides its step, and appends the ticket to a
lane. An encoder makes the record of a large picture. Scalars and small pictures need no encoder.
Scalars wait ``flush_secs``. They wait less if a later picture is ready, if a caller waits, or if
little memory is left. Then the owner gives a worker a *commit* (``events/backlog.py``): the ready
tickets at the head of the lane. The worker makes the missing records, and writes all records. A
write to a disk is usually one system call. Then the owner *settles* the commit: it updates the
counts, frees memory, admits callers that wait for memory, and answers flushes.

**Why the pipeline never hangs.**

- A caller hands over its ticket with one ``SimpleQueue.put``, which CPython performs as one step. A
  signal, an exception or a fork comes either before this step or after it.
- A lost message does no harm. A worker stores its results in the commit or in the ``Work`` of the
  ticket. While something is pending, the owner looks there 20 times a second. A waiting caller
  repeats its request 10 times a second. The owner ignores requests that it has seen.
- While the flag ``awake`` of a channel is True, the owner reads the inbox even if no message comes.
  When nothing is pending, the owner clears ``awake``, then checks the inbox again. A caller puts
  its ticket, then checks ``awake``. So the owner finds the ticket, or the caller sends a message.
- The owner waits only for messages, never for a file, a lock or a log handler. So while a disk
  hangs, the owner still answers, and other writers continue. A write that never returns blocks
  one worker. Then the writer is not ``healthy``, flushes time out, and ``close`` drops summaries.
- The ``Work`` of a ticket is an object that reserves memory. If a caller is interrupted before it
  puts the ticket, Python deletes the ``Work``, and this ends the reservation.
- If a turn raises an exception, the owner logs it and continues. A turn computes its results first
  and stores them last. If a commit fails before its records exist, its tickets go back to the lane.

**Forks.** Each call checks the process id. In a forked child, the first call makes an owner, and
each writer's first call makes a channel. Pending summaries stay in the parent.
"""

from tbimage.pipeline import lifecycle as lifecycle
from tbimage.pipeline.callers import Pipeline as Pipeline
from tbimage.pipeline.requests import PipelineOptions as PipelineOptions
