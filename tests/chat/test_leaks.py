"""What a person typed by mistake is nowhere, in every mode: not in the database, not in Valkey, not in the logs."""

import subprocess

import pytest
import redis
from django.conf import settings

from accounts.models import Workspace
from chat.models import Original
from ollive.up.postgres import installation
from telemetry import digest
from telemetry.models import InferenceLog, RedactionPolicy, RedactionRule
from tests.chat.browser import Browser, ended
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, database_url

CARD = "4111 1111 1111 1111"
EMAIL = "alice.liddell@example.org"
PHONE = "+44 20 7946 0958"
KEY = "sk-proj-Zk3vQ9xT7bLm2NcR8wYpA4sDfG6hJ1uE5oI0aXbVtPqMnKrS"
SECRETS = (CARD, EMAIL, PHONE, KEY)


def test_secrets_of_prompt_and_reply_are_stored_nowhere(as_alice: Browser, server: WebServer, fake_provider: RunningProvider):
    text = f"Card {CARD}, mail {EMAIL}, call {PHONE}, key {KEY}."
    fake_provider.script("plain", chunks=[text[at : at + 3] for at in range(0, len(text), 3)])

    sent = as_alice.send(text)
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    reply = ended(sent.run)
    digest.drain()

    assert all(secret in fake_provider.last.body["messages"][-1]["content"] for secret in SECRETS)
    assert reply.content == "Card [[CARD]], mail [[EMAIL]], call [[PHONE]], key [[API_KEY]]."
    places = {
        "database": dump_of_database(),
        "valkey": dump_of_valkey(),
        "log": server.log,
        "page": as_alice.client.get(f"/c/{sent.conversation}/").text + sent.response.text,
        "frames": str(shown.frames),
    }
    for place, content in places.items():
        for secret in (*SECRETS, CARD.replace(" ", ""), PHONE.replace(" ", "")):
            assert secret not in content, place


@pytest.mark.parametrize(
    ("mode", "has_vault"), [("log_only", False), ("mask", False), ("block", False), ("log_only", True), ("mask", True)]
)
def test_no_mode_stores_what_it_removes(
    as_alice: Browser, server: WebServer, fake_provider: RunningProvider, workspace: Workspace, mode: str, has_vault: bool
):
    RedactionPolicy.objects.create(workspace=workspace, mode=mode, keeps_originals=has_vault)
    RedactionRule.objects.create(workspace=workspace, label="CODE_NAME", form="words", source="heffalump", is_on=True)
    text = f"The Heffalump: card {CARD}, mail {EMAIL}, call {PHONE}, key {KEY}."
    echoed = text if mode != "mask" else f"{text} [[EMAIL_1]]"
    fake_provider.script("plain", chunks=[echoed[at : at + 3] for at in range(0, len(echoed), 3)])

    typed = as_alice.send(text)
    sent = typed if mode != "block" else as_alice.send("Tell me all you know")
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    reply = ended(sent.run)
    ended(as_alice.send("And again?", conversation=sent.conversation).run)
    waiting = dump_of_database()
    digest.drain()

    secrets = (*SECRETS, CARD.replace(" ", ""), PHONE.replace(" ", ""), "Heffalump")  # the rule itself has it in lower case
    places = {"inbox": waiting, "database": dump_of_database(), "valkey": dump_of_valkey(), "log": server.log}
    assert [(secret, place) for place, content in places.items() for secret in secrets if secret in content] == []
    assert "[[CARD]]" in reply.content
    assert InferenceLog.objects.count() == 2
    told = str([seen.body for seen in fake_provider.requests])
    assert [secret for secret in SECRETS if secret in told] == (list(SECRETS) if mode == "log_only" else []), told
    assert Original.objects.exists() == (mode == "mask" or has_vault)
    assert (EMAIL in shown.html) == (mode == "mask" or has_vault)
    assert typed.response.status_code == (422 if mode == "block" else 200)


def dump_of_database(*options: str) -> str:
    command = [str(installation() / "bin" / "pg_dump"), "--inserts", *options, database_url()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def dump_of_valkey() -> str:
    """Every value as Valkey would write it, and every stream in full: dumps may be compressed."""
    found: list[str] = []
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        for key in valkey.scan_iter():
            found.append(f"{key!r} {valkey.dump(key)!r}")
            if valkey.type(key) == b"stream":
                found.append(str(valkey.xrange(key)))
    return "\n".join(found)
