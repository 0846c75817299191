"""What became of the events: each one ends in exactly one of stored, duplicate, rejected and dropped, or still waits."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """`dropped` never left this process: the queue was full, or the program ended with no server and no spool."""

    recorded: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    dropped: int = 0
    spooled: int = 0  # were written to the disk meanwhile
    replayed: int = 0  # came from the disk, of this process or of one that died
    torn: int = 0  # records of the spool that a death cut short
    shortened: int = 0  # lost some of their content, being too long
    failed: int = 0  # times that recording itself went wrong
    waiting: int = 0  # in the queue, when this was asked
