"""The doors for programs, asked over HTTP: who is let in, what is refused, and how it is said."""

import gzip
import itertools
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import api_keys
from accounts.entrance import Refused
from accounts.models import ApiKey
from ollive import doors
from telemetry import tallies
from telemetry.models import InboxEvent
from tests.programs import client_of, make_token
from tests.server import WebServer, database_away, web_server
from tests.up.installation import until

DOOR = "/api/v1/ingest"


def event() -> dict[str, Any]:
    return {"inference_id": str(uuid7()), "status": "success", "model": "gpt-4o-mini"}


def batch() -> bytes:
    return json.dumps({"events": [event()]}).encode()


def post(program: httpx.Client, content: Any = None, **headers: str) -> httpx.Response:
    given = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return program.post(DOOR, content=batch() if content is None else content, headers=given)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code; every problem has the shape of RFC 9457."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    return answer.status_code, problem["code"]


@pytest.fixture
def visitor(programs_server: WebServer, transactional_db: None):
    """A program without a key."""
    with client_of(programs_server, "") as client:
        yield client


def test_who_has_no_key_is_told_how_to_bring_one(visitor):
    answer = post(visitor)
    assert refusal(answer) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("given", ["Bearer", "Basic YWxpY2U6c2VjcmV0", "Bearer olv_mistyped", "Bearer \xe4\xf6"])
def test_what_is_no_key_is_refused(visitor, given):
    assert refusal(visitor.post(DOOR, json={}, headers={b"authorization": given.encode("latin-1")})) == (401, "invalid_api_key")


def test_an_unknown_expired_or_revoked_key_is_refused(visitor, alice):
    expired, revoked = make_token(alice), make_token(alice)
    ApiKey.objects.filter(token_sha256=api_keys.fingerprint(expired)).update(expires_at=timezone.now() - timedelta(seconds=1))
    ApiKey.objects.filter(token_sha256=api_keys.fingerprint(revoked)).update(revoked_at=timezone.now())
    for token in (expired, revoked, api_keys.make_token()):
        assert refusal(post(visitor, authorization=f"Bearer {token}")) == (401, "invalid_api_key")
    assert not InboxEvent.objects.exists()


def test_two_keys_are_no_key(visitor, alice):
    given = [("authorization", f"Bearer {make_token(alice)}"), ("authorization", f"Bearer {make_token(alice)}")]
    assert visitor.post(DOOR, json={}, headers=given).status_code == 401


def test_a_key_without_the_scope_is_told_which_it_needs(visitor, alice):
    answer = post(visitor, authorization=f"Bearer {make_token(alice, scopes=['chat', 'logs:read', 'admin'])}")
    assert refusal(answer) == (403, "missing_scope")
    assert "ingest" in answer.json()["detail"]


def test_a_signed_in_page_is_no_program(programs_server, client, alice, transactional_db):
    client.force_login(alice)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    answer = httpx.post(f"{programs_server.url}{DOOR}", json={}, cookies=cookies, trust_env=False)
    assert answer.status_code == 401


def test_an_answer_carries_its_ids_and_no_cookies(program):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = post(program, x_request_id="nightly-7", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert answer.status_code == 207
    assert (answer.headers["x-request-id"], answer.headers["x-trace-id"]) == ("nightly-7", trace)
    assert "set-cookie" not in answer.headers
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    other = post(program, x_request_id="bad id\t{}", traceparent="00-" + "0" * 32 + "-00f067aa0ba902b7-01")
    assert "bad" not in other.headers["x-request-id"]
    assert len(other.headers["x-trace-id"]) == 32
    assert set(other.headers["x-trace-id"]) != {"0"}


def test_pages_carry_their_ids_too(visitor):
    answer = visitor.get("/health", headers={"x-request-id": "probe-1"})
    assert answer.headers["x-request-id"] == "probe-1"
    assert len(answer.headers["x-trace-id"]) == 32


def test_the_access_log_has_a_line_of_json_without_the_key(program, programs_server):
    answer = post(program)

    def lines() -> list[str]:
        return [
            line for line in programs_server.log.splitlines() if answer.headers["x-request-id"] in line and line.endswith("}")
        ]

    until(lines)  # it is written once the answer is out
    (line,) = lines()
    told = json.loads(line)
    assert (told["message"], told["method"], told["path"], told["status"]) == ("request", "POST", DOOR, 207)
    assert told["trace_id"] == answer.headers["x-trace-id"]
    assert told["latency_ms"] > 0
    assert "olv_" not in line


def test_another_servers_name_is_refused_and_forwarded_ones_are_not_read(program):
    assert refusal(post(program, host="evil.example")) == (400, "bad_host")
    assert refusal(post(program, host="evil.example", x_forwarded_host="localhost")) == (400, "bad_host")
    assert post(program, x_forwarded_host="evil.example", x_forwarded_for="10.0.0.1").status_code == 207


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(program, method):
    answer = program.request(method, DOOR)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_other_media_types_are_refused(program):
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"):
        assert refusal(post(program, content_type=media_type)) == (415, "unsupported_media_type")
    assert post(program, content_type="Application/JSON; Charset=UTF-8").status_code == 207
    assert refusal(post(program, content_encoding="br")) == (415, "unsupported_encoding")


def test_a_slash_at_the_end_makes_no_difference(program):
    assert program.post(f"{DOOR}/", json={"events": [event()]}).status_code == 207


def test_what_is_no_door_goes_on_to_the_pages(program):
    assert program.post("/api/v1/nothing", json={}).status_code == 404
    assert program.post(f"{DOOR}/nothing", json={}).status_code == 404


def test_chunked_and_compressed_bodies_are_read(program):
    def pieces():
        body = gzip.compress(batch())
        for start in range(0, len(body), 10):
            yield body[start : start + 10]

    assert post(program, pieces(), content_encoding="gzip").json()["accepted"] == 1


def test_a_body_over_the_cap_is_refused_in_chunks_too(program):
    assert refusal(post(program, b" " * 6_000_000)) == (413, "too_large")

    with suppress(httpx.WriteError):  # it may hang up on us while we write
        assert post(program, itertools.repeat(b" " * 50_000, 1000)).status_code == 413


def test_a_bomb_is_refused(program):
    bomb = gzip.compress(b" " * 20_000_000)
    assert refusal(post(program, bomb, content_encoding="gzip"))[0] == 413
    assert post(program).status_code == 207


def request_bytes(server: WebServer, program: httpx.Client, *lines: str) -> bytes:
    head = [f"POST {DOOR} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Authorization: {program.headers['authorization']}"]
    return "\r\n".join([*head, "Content-Type: application/json", *lines, "", ""]).encode()


def test_a_body_without_a_length_is_asked_for_one(program, programs_server):
    with socket.create_connection(("127.0.0.1", programs_server.port), timeout=10) as wire:
        wire.sendall(request_bytes(programs_server, program))
        assert wire.recv(4096).startswith(b"HTTP/1.1 411")


def test_a_caller_who_hangs_up_half_way_leaves_nothing(program, programs_server):
    with socket.create_connection(("127.0.0.1", programs_server.port), timeout=10) as wire:
        wire.sendall(request_bytes(programs_server, program, "Content-Length: 5000") + batch())
    assert post(program).json()["accepted"] == 1
    assert InboxEvent.objects.count() == 1


def test_a_slow_body_is_hung_up_on(transactional_db, alice):
    with web_server({"OLLIVE_BODY_TIMEOUT": "0.3"}) as server, client_of(server, make_token(alice)) as program:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
            wire.sendall(request_bytes(server, program, "Content-Length: 5000") + b'{"events"')
            answer = wire.recv(4096)
            assert answer.startswith(b"HTTP/1.1 408")
            assert b"connection: close" in answer.lower()
        assert post(program).status_code == 207


def eventually(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer once it is no longer that the server is away."""
    deadline = time.monotonic() + 20
    while (answer := send()).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def test_without_the_database_nothing_is_promised(program, alice):
    first = post(program)
    content = batch()
    with database_away():
        answers = [post(program, content) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [503] * 3
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert refusal(answers[0]) == (503, "unavailable")
    again = eventually(lambda: post(program, content))
    eventually(lambda: post(program, authorization=f"Bearer {make_token(alice)}"))  # one that it does not know yet
    assert (first.json()["accepted"], again.json()["accepted"] + again.json()["duplicate"]) == (1, 1)
    assert InboxEvent.objects.count() == 3
    assert tallies.balance().missing == 0


def test_under_v1_errors_have_the_shape_that_openais_client_reads():
    response = doors.refusal("/v1/traces", Refused(429, "rate_limited", "Slow down.", retry_after=0.2))
    assert json.loads(response.body) == {
        "error": {"message": "Slow down.", "type": "rate_limit_error", "param": None, "code": "rate_limited"}
    }
    assert response.headers["retry-after"] == "1"
    types = {status: json.loads(doors.refusal("/v1/x", Refused(status, "c", "m")).body)["error"]["type"] for status in (401, 503)}
    assert types == {401: "invalid_request_error", 503: "server_error"}
