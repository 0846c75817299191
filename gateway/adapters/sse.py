"""Server-sent events, cut out of bytes as they come: whatever the pieces, the same events."""

MAX_EVENT_BYTES = 8 * 1024 * 1024


class EventTooLargeError(ValueError):
    """One event is longer than `MAX_EVENT_BYTES`."""


class EventReader:
    """Feed it bytes, get the data of the events that are complete. Comments, names and ids of events are left out."""

    __slots__ = ("_lines", "_size", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()  # the line that isn't complete yet
        self._lines: list[bytes] = []  # the data lines of the event that isn't complete yet
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        if (
            data.startswith(b"data: ")
            and data.find(b"\n") == len(data) - 2
            and data[-1] == 10
            and not (self._tail or self._lines)
        ):
            return [data[6:-2]]  # exactly one whole event, as a paced stream brings them
        searched = len(self._tail)
        self._tail += data
        if self._tail.find(b"\n", searched) < 0:
            self._bound(len(self._tail))
            return []
        *lines, rest = bytes(self._tail).split(b"\n")
        self._tail = bytearray(rest)
        return self._take(lines)

    def _take(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._bound(len(line))
                self._size += len(line)
                self._lines.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line and self._lines:
                events.append(b"\n".join(self._lines))
                self._lines = []
                self._size = 0
        self._bound(len(self._tail))
        return events

    def _bound(self, more: int) -> None:
        if self._size + more > MAX_EVENT_BYTES:
            raise EventTooLargeError

    def rest(self) -> list[bytes]:
        """An event that the stream ended without closing; most who forget the last empty line meant it."""
        events = self._take([bytes(self._tail), b""])
        self._tail = bytearray()
        return events
