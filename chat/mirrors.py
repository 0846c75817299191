"""Runs that another process drives, as this one sees them: read once from the relay for all who follow here.

With the relay away or its stream broken, the stored text is shown instead, a little later.
"""

import asyncio
import contextvars
import uuid

import structlog
from django.db import Error as DatabaseError

from accounts.database import in_thread
from chat import frames
from chat.asides import Aside, Thought
from chat.feed import Feed, Frame
from chat.message_views import html_of, reasoning_html_of
from chat.models import Message
from chat.relay import GapError, Relay, RelayAwayError
from chat.tools import uses

log = structlog.get_logger(__name__)

QUIET_READS = 5
POLL_SECONDS = 1.0
IDLE_SECONDS = 30.0


class Mirrors:
    """Feeds of remote runs, each filled by one reader while somebody follows."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._feeds: dict[uuid.UUID, Feed] = {}
        self._readers: dict[uuid.UUID, asyncio.Task[None]] = {}

    def feed(self, run_id: uuid.UUID) -> Feed:
        """The feed of a remote run; its reader starts with the first who asks."""
        feed = self._feeds.get(run_id)
        if feed is None:
            feed = self._feeds[run_id] = Feed(run_id)
            self._readers[run_id] = asyncio.create_task(self._keep(feed), context=contextvars.Context())
        return feed

    async def _keep(self, feed: Feed) -> None:
        reading = asyncio.create_task(self._read(feed), context=contextvars.Context())
        try:
            while not reading.done():
                await asyncio.wait([reading], timeout=IDLE_SECONDS)
                if not feed.has_followers:
                    break
        finally:
            reading.cancel()
            self._feeds.pop(feed.run_id, None)
            self._readers.pop(feed.run_id, None)

    async def _read(self, feed: Feed) -> None:
        quiet_reads = 0
        try:
            async for news in self._relay.read(feed.run_id, 0):
                if isinstance(news, str):
                    feed.close(news)
                    return
                if news:
                    feed.show(news)
                    quiet_reads = 0
                    continue
                quiet_reads += 1
                if quiet_reads >= QUIET_READS:
                    quiet_reads = 0
                    if await self._show_stored(feed, only_end=True):
                        return
        except (RelayAwayError, GapError) as error:
            log.warning("A run is followed by its stored text.", run_id=str(feed.run_id), error=str(error))
            while not await self._show_stored(feed, only_end=False):  # noqa: ASYNC110 (the event is in another process)
                await asyncio.sleep(POLL_SECONDS)

    async def _show_stored(self, feed: Feed, *, only_end: bool) -> bool:
        """Show what the database has; True once the reply has ended."""
        try:
            message, end = await in_thread(_stored, feed)
        except DatabaseError as error:
            log.warning("The database is away; the follower waits.", error=str(error))
            return False
        if end is not None:
            feed.close(end)
            return True
        if not only_end and message is not None and message.streamed_seq > feed.seq:
            feed.restart(await in_thread(_whole, message))
        return False


def _whole(message: Message) -> Frame:
    """All that is stored of a running reply, as one frame."""
    thought = None
    if message.reasoning:
        is_live = not message.content
        thought = Thought(message.reasoning, reasoning_html_of(message), "", message.reasoning_ms or 0, is_live)
    rows = {str(use.id): uses.row_html(use) for use in uses.uses_of([message]).get(message.id, ())}
    return Frame(message.streamed_seq, message.content, html_of(message), "", Aside(thought, rows) if thought or rows else None)


def _stored(feed: Feed) -> tuple[Message | None, str | None]:
    """The reply as stored, and its end frame when it has ended or is gone."""
    message = Message.objects.filter(run_id=feed.run_id).first()
    if message is not None and message.status == Message.Status.STREAMING:
        return message, None
    seq = max(feed.seq, message.streamed_seq if message else 0)
    return message, frames.end_frame(message, run_id=feed.run_id, seq=seq)
