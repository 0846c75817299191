"""When a worker counts as silent."""

import os
import socket
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from ollive import env
from ollive.up.heartbeats import is_silent
from ollive.up.launcher import free_port
from telemetry import processes
from telemetry.models import Process


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
