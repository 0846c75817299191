"""Whoever has no key tries one after the other, and whoever has one pretends to be somebody else."""

import socket

import pytest

from accounts.entrance import Limits
from accounts.models import User
from tests.asking import recorded
from tests.programs import client_of, make_token

BODY = {"model": "openai/plain", "messages": [{"role": "user", "content": "Hello"}]}
PATHS = ("/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/v1/messages")
WRONG = {
    "sql": b"olv_' OR '1'='1' --",
    "union": b"olv_x' UNION SELECT * FROM accounts_apikey; DROP TABLE accounts_user; --",
    "long": b"olv_" + b"a" * 10_240,
    "no-prefix": b"sk-of-the-installation",
    "latin": "olv_äöü".encode("latin-1"),
    "percent": b"olv_%00%27",
    "two": b"olv_a, Bearer olv_b",
    "format": b"olv_{0.__class__}%s${jndi:ldap://x}",
}


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_a_wrong_bearer_is_a_401_and_asks_nobody(caller, fake_provider, header):
    del caller.headers["authorization"]
    for name, wrong in WRONG.items():
        value = b"Bearer " + wrong if header == "authorization" else wrong
        for path in PATHS:
            answer = caller.post(path, json=BODY, headers={header: value})
            assert answer.status_code == 401, (name, path, answer.text)
            assert wrong.decode("latin-1") not in answer.text, (name, path)
    assert fake_provider.requests == []
    assert User.objects.exists()


def test_a_nul_in_a_bearer_is_refused_below(caller, fake_provider, asking_server):
    """No client can send it: it is written to the socket as it is."""
    with socket.create_connection(("127.0.0.1", asking_server.port), timeout=10) as raw:
        head = b"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer olv_\x00' OR 1=1\r\n"
        raw.sendall(head + b"Content-Length: 2\r\n\r\n{}")
        answer = raw.recv(65536)
    assert answer.split(b" ")[1] in (b"400", b"401"), answer
    assert fake_provider.requests == []


def test_another_scope_asks_no_model(asking_server, transactional_db, fake_provider, alice):
    with client_of(asking_server, make_token(alice, scopes=["ingest", "logs:read"])) as caller:
        for path in PATHS:
            assert caller.post(path, json=BODY).status_code == 403, path
    assert fake_provider.requests == []


def test_no_forwarded_header_makes_a_new_caller(asking_server, transactional_db, fake_provider, alice):
    """The limit is the key's, whoever it says that it comes from."""
    names = ("x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip", "x-forwarded-host")
    with client_of(asking_server, make_token(alice, scopes=["chat"], limits=Limits(requests=3))) as caller:
        statuses = []
        for number in range(6):
            headers = {name: f"for=10.0.0.{number}" if name == "forwarded" else f"10.0.0.{number}" for name in names}
            statuses.append(caller.post("/v1/chat/completions", json=BODY, headers=headers).status_code)
        # The doors beside chat completions count for the same limit.
        embedded = caller.post("/v1/embeddings", json={"model": "openai/embed", "input": "x"})
    assert statuses == [200, 200, 200, 429, 429, 429]
    assert embedded.status_code == 429
    assert int(embedded.headers["retry-after"]) >= 1
    assert len(fake_provider.requests) == 3


def test_what_is_written_into_any_text_is_only_text(caller, fake_provider):
    nasty = "x'; DROP TABLE inference_log; -- \x00 ${jndi:ldap://x} {{7*7}} <script>alert(1)</script> \ud800"
    plain = nasty.replace("\ud800", "")
    body = BODY | {"user": plain, "metadata": {"team": plain}, "messages": [{"role": "user", "content": plain}]}
    assert caller.post("/v1/chat/completions", json=body).status_code == 200
    assert caller.post("/v1/embeddings", json={"model": "openai/embed", "input": plain, "user": plain}).status_code == 200
    assert caller.post("/v1/responses", json={"model": "openai/plain", "input": plain, "user": plain}).status_code == 200
    message = {"model": "openai/plain", "max_tokens": 9, "messages": [{"role": "user", "content": plain}]}
    assert caller.post("/v1/messages", json=message | {"metadata": {"user_id": plain}}).status_code == 200
    assert [row.status for row in recorded(4)] == ["success"] * 4
