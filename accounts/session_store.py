"""Django's sessions in the database, in rows that say whose they are, on which device, and when it was last seen."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone

from accounts.models import Session

SEEN_EVERY = timedelta(minutes=5)


class SessionStore(db.SessionStore):
    """Saving writes the whole row, so what was loaded beside the data is carried along."""

    row: Session | None = None
    device: str = ""
    seen_at: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def note_use(self, device: str, now: datetime) -> None:
        """Keep when and with what a signed-in person was last here: at most one small UPDATE each five minutes."""
        row = self.row
        if SESSION_KEY not in self or (row and row.user_id and now - row.last_seen_at < SEEN_EVERY):
            return
        self.device, self.seen_at = device, now
        if not self.modified and self.session_key:
            Session.objects.filter(session_key=self.session_key).update(device=device, last_seen_at=now)

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        return self._described(cast("Session", super().create_model_instance(data)), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        return self._described(cast("Session", await super().acreate_model_instance(data)), data)

    def _described(self, row: Session, data: dict[str, Any]) -> Session:
        before = self.row
        now = timezone.now()
        row.user_id = data.get(SESSION_KEY)
        is_same = before is not None and str(before.user_id) == str(row.user_id)
        row.created_at = before.created_at if before and is_same else now
        row.last_seen_at = self.seen_at or (before.last_seen_at if before and is_same else now)
        row.device = self.device or (before.device if before and is_same else "")
        self.row = row
        return row

    def _get_session_from_db(self) -> Session | None:
        self.row = super()._get_session_from_db()  # type: ignore[misc]  # not in the stubs
        return self.row

    async def _aget_session_from_db(self) -> Session | None:
        self.row = await super()._aget_session_from_db()  # type: ignore[misc]  # not in the stubs
        return self.row
