"""Whether a program may make a call now: its key's and its person's limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from accounts.entrance import Bearer


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be made. `headers` tell what is left of the limits. `close` it when the call has ended, however it did."""

    headers: Mapping[str, str] = field(default_factory=dict)

    async def close(self, tokens: int = 0) -> None:
        """Say how many tokens it took."""


async def admit(bearer: Bearer, *, tokens: int = 0) -> Admission:
    """Count one more call, of so many tokens at most. Raises `Refused` (429) with the headers that tell why and until when."""
    return Admission()
