"""Where a page of a list ends that goes by time: the next one begins after its last row, however many rows there are."""

import uuid
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """The time and the id of a page's last row; as text it stands in a link."""

    at: datetime
    id: uuid.UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None for an empty or broken cursor: the list then starts at its top."""
        moment, _, hexadecimal = text.rpartition("_")
        try:
            at = datetime.fromisoformat(moment)
            return cls(at, uuid.UUID(hexadecimal)) if at.tzinfo else None
        except ValueError:
            return None
