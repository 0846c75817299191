"""No call is lost: not while the database is away, not with the process that made it."""

import threading
import time

import httpx
import pytest
from django.db import connection, transaction

from telemetry import digest, processes
from telemetry.models import InferenceLog
from tests.asking import ENVIRONMENT, recorded
from tests.gateway.completions.sent import MESSAGES, MODEL, PATH, ask, frames
from tests.programs import client_of, make_token
from tests.server import database_away, web_server


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_a_call_while_the_database_is_away_is_made_and_recorded_later(caller, is_stream):
    assert ask(caller).status_code == 200  # the key, the rules and the models are known
    with database_away():
        answer = ask(caller, stream=is_stream)
        assert answer.status_code == 200, answer.text
        if is_stream:
            assert len(frames(answer.text)) > 100
        time.sleep(0.2)  # its end is written down beside the answer
    rows = recorded(2, seconds=15)
    assert [row.status for row in rows] == ["success", "success"]
    assert rows[1].input_preview == "How do tides work?"
    assert rows[1].output_preview.startswith("## Tides")


def test_the_first_event_is_durable_before_the_provider_is_asked(caller, fake_provider):
    fake_provider.script("plain", headers_delay=1)
    asking = threading.Thread(target=lambda: ask(caller))
    asking.start()
    deadline = time.monotonic() + 5
    while not fake_provider.requests:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body::json ->> 'phase' FROM telemetry_inbox")
        assert cursor.fetchall() == [("started",)]
    asking.join()
    assert recorded()[0].status == "success"


def test_a_caller_who_leaves_before_the_provider_is_asked_leaves_no_call_open(caller, fake_provider):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE telemetry_inbox IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(httpx.ReadTimeout):
            caller.post(PATH, json={"model": MODEL, "messages": MESSAGES}, timeout=1)
        time.sleep(0.2)
    (row,) = recorded()
    assert row.status == "canceled"
    assert row.input_preview == "How do tides work?"
    assert fake_provider.requests == []


def test_the_calls_of_a_killed_process_are_closed(transactional_db, alice, fake_provider):
    fake_provider.script("plain", rate=5, tokens=400)
    with web_server({**ENVIRONMENT, "OPENAI_BASE_URL": fake_provider.url}) as server:
        with client_of(server, make_token(alice, scopes=["chat"])) as program:
            time.sleep(0.5)
            body = {"model": "openai/plain", "stream": True, "messages": [{"role": "user", "content": "Tides?"}]}
            with pytest.raises(httpx.TransportError), program.stream("POST", "/v1/chat/completions", json=body) as heard:
                for _ in heard.iter_bytes():
                    server.kill()
        digest.drain()
        (row,) = InferenceLog.objects.all()
        assert (row.status, row.process_id is None) == ("in_progress", False)
        assert processes.close_silent() == 0
        with connection.cursor() as cursor:
            cursor.execute("UPDATE telemetry_process SET beat_at = beat_at - interval '1 minute' WHERE id = %s", [row.process_id])
        assert processes.close_silent() == 1
    row.refresh_from_db()
    assert (row.status, row.usage_source, row.input_preview) == ("interrupted", "estimated", "Tides?")


def test_a_deployment_ends_what_runs_and_says_so(transactional_db, alice, fake_provider):
    fake_provider.script("plain", rate=5, tokens=400)
    body = {"model": "openai/plain", "stream": True, "messages": [{"role": "user", "content": "Tides?"}]}
    token = make_token(alice, scopes=["chat"])
    with web_server({**ENVIRONMENT, "OPENAI_BASE_URL": fake_provider.url}) as server, client_of(server, token) as program:
        stopping = threading.Thread(target=server.stop)
        with pytest.raises(httpx.TransportError), program.stream("POST", "/v1/chat/completions", json=body) as heard:
            for count, _ in enumerate(heard.iter_bytes()):
                if not count:
                    stopping.start()
        stopping.join()
    (row,) = recorded()
    assert (row.status, row.output_preview[:8]) == ("interrupted", "## Tides")
