"""When the pieces of a reply came: an even sample of a stream of any length, in a list of bounded length. Pure."""

LIMIT = 256


class Timings:
    """Milliseconds since the start. Full, it keeps every second value, and from then on takes every second of those that come."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._sampled: list[int] = []
        self._stride = 1
        self._count = 0

    def add(self, ms: float) -> None:
        if self._count % self._stride == 0:
            if len(self._sampled) == self._limit:
                self._sampled = self._sampled[::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self._sampled.append(round(ms))
        self._count += 1

    @property
    def sampled(self) -> list[int] | None:
        """The sample, oldest first; None before anything came."""
        return list(self._sampled) or None
