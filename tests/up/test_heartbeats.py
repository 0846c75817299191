"""When a worker counts as silent."""

import asyncio
import os
import socket
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from ollive import env
from ollive.up import heartbeats
from ollive.up.children import Child, Program
from ollive.up.heartbeats import is_silent, oldest_wait_seconds
from ollive.up.launcher import free_port
from telemetry import processes
from telemetry.models import InboxEvent, Process
from tests.telemetry.calls import append, started


@pytest.fixture
def database(transactional_db, monkeypatch):
    """The supervisor connects by itself, to the database of this test."""
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    monkeypatch.setattr(env, "database_url", lambda: url)


def test_a_worker_that_beats_is_not_silent(database):
    processes.register("worker")
    assert not is_silent(os.getpid())


def test_a_worker_that_stopped_beating_is(database):
    process_id = processes.register("worker")
    Process.objects.filter(id=process_id).update(beat_at=Now() - timedelta(seconds=31))
    assert is_silent(os.getpid())


def test_the_beats_of_another_process_do_not_count(database):
    Process.objects.create(id=uuid.uuid4(), kind="worker", host=socket.gethostname(), pid=os.getpid() + 1)
    assert is_silent(os.getpid())


def test_nothing_is_known_while_the_database_is_away(monkeypatch):
    monkeypatch.setattr(env, "database_url", lambda: f"postgres://127.0.0.1:{free_port()}/none")
    assert not is_silent(os.getpid())


def test_the_oldest_wait_is_that_of_the_first_event_that_may_be_taken(database):
    assert oldest_wait_seconds() == 0
    append(started(), started())
    first, second = InboxEvent.objects.order_by("id")
    InboxEvent.objects.filter(id=second.id).update(available_at=Now() - timedelta(seconds=40))
    InboxEvent.objects.filter(id=first.id).update(available_at=Now() + timedelta(hours=1))
    assert 40 <= oldest_wait_seconds() < 400


def test_the_oldest_wait_is_not_known_while_the_database_is_away(monkeypatch):
    monkeypatch.setattr(env, "database_url", lambda: f"postgres://127.0.0.1:{free_port()}/none")
    assert oldest_wait_seconds() is None


class Watched:
    """A worker and a drain whose processes only sleep, watched with short seconds."""

    def __init__(self, monkeypatch) -> None:
        self.waiting, self.is_silent = 0.0, False
        self.worker, self.drain = (Child(Program(name, lambda: ["/bin/sleep", "60"])) for name in ("worker", "drain"))
        monkeypatch.setattr(heartbeats, "CHECK_SECONDS", 0.01)
        monkeypatch.setattr(heartbeats, "is_silent", lambda pid: self.is_silent)
        monkeypatch.setattr(heartbeats, "oldest_wait_seconds", lambda: self.waiting)

    async def live(self, story) -> None:
        await self.worker.start()
        self.worker.keep()
        watching = asyncio.create_task(heartbeats.watch(self.worker, self.drain))
        try:
            await story()
        finally:
            watching.cancel()
            for child in (self.worker, self.drain):
                await child.stop(hurry=asyncio.Event())

    async def until(self, condition) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)


def test_the_inbox_is_drained_beside_a_worker_that_does_not_keep_up(monkeypatch):
    watched = Watched(monkeypatch)

    async def story() -> None:
        watched.waiting = 16.0
        await watched.until(lambda: watched.drain.age_seconds)
        watched.waiting, watched.is_silent = 0.0, True
        await asyncio.sleep(0.1)
        assert watched.drain.age_seconds, "the worker is silent still"
        watched.is_silent = False
        await watched.until(lambda: not watched.drain.age_seconds)
        watched.waiting = 16.0
        await watched.until(lambda: watched.drain.age_seconds)

    asyncio.run(watched.live(story))


def test_a_silent_worker_is_started_again(monkeypatch):
    watched = Watched(monkeypatch)
    monkeypatch.setattr(heartbeats, "SILENT_SECONDS", 0.1)

    async def story() -> None:
        first = watched.worker.pid
        watched.is_silent = True
        await watched.until(lambda: watched.worker.age_seconds and watched.worker.pid != first)

    asyncio.run(watched.live(story))
