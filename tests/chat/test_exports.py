"""Exports: one chat or all of them, whole, redacted, and without holding more than one in memory."""

import io
import json
import re
import tracemalloc
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from chat import exports, feedback, originals, trees
from chat.models import Conversation, Message, ToolUse
from tests.chat.browser import Browser
from tests.house.tree import ROOT

pytestmark = pytest.mark.django_db


def say(conversation: Conversation, role: str, text: str, parent: Message | None = None, **fields) -> Message:
    position = conversation.messages.count() + 1
    return Message.objects.create(conversation=conversation, role=role, content=text, parent=parent, position=position, **fields)


@pytest.fixture
def chat(alice, workspace) -> Conversation:
    """Two branches, a tool, reasoning, feedback, a price, and something that was removed."""
    conversation = Conversation.objects.create(
        workspace=workspace, owner=alice, title="Tides / of [[EMAIL]]", system_prompt="Be short.", parameters={"temperature": 0.2}
    )
    prompt = say(conversation, "user", "Why? I am [[EMAIL_1]].")
    say(conversation, "assistant", "The first branch", prompt, model="openai/old")
    reply = say(
        conversation,
        "assistant",
        "Because of the **Moon**.",
        prompt,
        model="openai/gpt-4o",
        prompt_tokens=12,
        completion_tokens=7,
        usage_source="provider",
        cost_usd="0.0125",
        ttft_ms=420,
        latency_ms=900,
        trace_id="b" * 32,
        reasoning="First I think.",
        run_id=uuid.uuid4(),
    )
    ToolUse.objects.create(
        message=reply, round=1, position=1, call_id="c1", name="clock", arguments="{}", result="```\n12:00\n```", status="done"
    )
    feedback.give(reply, _Posted({"thumb": "up", "panel": "1", "rating": "4", "comment": "Good"}), now=timezone.now())
    originals.keep_values(prompt.id, {"[[EMAIL_1]]": "white.rabbit@example.org"}, until=timezone.now() + timedelta(hours=1))
    trees.show(conversation, reply.id, trees.read(conversation.id))
    return conversation


class _Posted:
    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def get(self, key: str, default: str, /) -> str:
        return self._fields.get(key, default)

    def getlist(self, _key: str, /) -> list[str]:
        return ["correct"]


@pytest.fixture
def as_alice_here(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def test_markdown_reads_as_the_chat_did(as_alice_here, chat):
    answer = as_alice_here.get(reverse("chat:export", args=[chat.id]), {"format": "md"})
    text = answer.content.decode()

    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="{chat.created_at:%Y-%m-%d} Tides of EMAIL.md"'
    assert text.startswith("# Tides / of (e-mail)\n")
    assert "## System prompt\n\nBe short." in text
    assert "Because of the **Moon**." in text
    assert "12 + 7 tokens · $0.012 · first token 0.42 s · trace `" + "b" * 32 in text
    assert "Feedback · thumb up · 4 of 5 · correct · “Good”" in text
    assert "````\n```\n12:00\n```\n````" in text
    assert "First I think." in text
    assert "The first branch" not in text
    assert "1 message of other branches" in text


def test_json_has_every_branch_and_everything_beside_the_words(as_alice_here, chat):
    told = as_alice_here.get(reverse("chat:export", args=[chat.id]), {"format": "json"}).json()
    prompt, first, reply = told["messages"]

    assert (told["format"], told["version"], told["title"]) == ("ollive.chat", 1, "Tides / of [[EMAIL]]")
    assert (told["system_prompt"], told["parameters"]) == ("Be short.", {"temperature": 0.2})
    assert [message["parent_id"] for message in told["messages"]] == [None, prompt["id"], prompt["id"]]
    assert [message["is_shown"] for message in told["messages"]] == [True, False, True]
    assert told["shown_message_id"] == reply["id"]
    assert first["text"] == "The first branch"
    assert (reply["cost_usd"], reply["trace_id"], reply["time_to_first_token_ms"]) == ("0.0125000000", "b" * 32, 420)
    assert reply["tool_uses"][0]["name"] == "clock"
    assert reply["feedback"] == {"thumb": "up", "rating": 4, "reasons": ["correct"], "comment": "Good"}
    assert prompt["feedback"] is None


@pytest.mark.parametrize("kind", ["md", "json"])
def test_what_was_removed_stays_removed(as_alice_here, chat, kind):
    content = as_alice_here.get(reverse("chat:export", args=[chat.id]), {"format": kind}).content.decode()
    assert "white.rabbit" not in content
    assert ("(e-mail" in content) or ("[[EMAIL" in content)


def test_every_key_of_the_json_is_documented(chat):
    def keys(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield key
                if key != "parameters":
                    yield from keys(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from keys(inner)

    documented = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "export.md").read_text()))
    assert set(keys(json.loads(exports.as_json(chat)))) - documented == set()


def test_a_format_that_is_not_known_is_refused(as_alice_here, chat):
    assert as_alice_here.get(reverse("chat:export", args=[chat.id]), {"format": "pdf"}).status_code == 400


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "etc passwd"),
        ("con", "chat con"),
        ("a\x00b\r\nSet-Cookie: x", "a b Set-Cookie x"),
        ("   . ", "chat"),
        ("Grüße, 世界!", "Grüße, 世界"),
        ("x" * 300, "x" * 80),
        ('quote"; rm -rf $HOME', "quote rm -rf HOME"),
    ],
)
def test_file_names_are_harmless(title, name):
    assert exports.safe(title) == name


def read_zip(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {entry.filename: archive.read(entry).decode() for entry in archive.infolist()}


def test_all_chats_come_as_a_zip_of_both_forms(as_alice_here, chat, alice, workspace):
    Conversation.objects.create(workspace=workspace, owner=alice, title="Archived", archived_at=timezone.now())
    Conversation.objects.create(workspace=workspace, owner=alice, title="Temporary", is_temporary=True)
    Conversation.objects.create(workspace=workspace, owner=alice, title="Deleted", deleted_at=timezone.now())
    answer = as_alice_here.post(reverse("chat:export_all"), {"format": "zip"})
    files = read_zip(b"".join(answer.streaming_content))

    assert sorted(name.partition("/")[0] for name in files) == ["json", "json", "markdown", "markdown"]
    assert all(".." not in name and name.count("/") == 1 for name in files)
    told = [json.loads(text) for name, text in files.items() if name.endswith(".json")]
    assert {document["title"] for document in told} == {"Tides / of [[EMAIL]]", "Archived"}
    assert "white.rabbit" not in str(files)


def test_all_chats_come_as_json_lines_and_nobody_elses(as_alice_here, chat, bob, workspace):
    Conversation.objects.create(workspace=workspace, owner=bob, title="Bob's")
    answer = as_alice_here.post(reverse("chat:export_all"), {"format": "jsonl"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["Tides / of [[EMAIL]]"]


def test_exports_are_audited_without_a_word_of_what_is_in_them(as_alice_here, chat, alice):
    as_alice_here.get(reverse("chat:export", args=[chat.id]), {"format": "md"})
    as_alice_here.post(reverse("chat:export_all"), {"format": "jsonl"})
    entries = list(AuditEntry.objects.order_by("id").values_list("action", "actor_id", "subject_id", "detail"))
    assert entries == [
        ("data.exported", alice.id, str(chat.id), {"format": "md"}),
        ("data.exported", alice.id, "", {"format": "jsonl", "chats": 1}),
    ]


def test_memory_does_not_grow_with_the_number_of_chats(alice, workspace):
    def fill(count: int) -> None:
        made = [Conversation(workspace=workspace, owner=alice, title=f"Chat {number}") for number in range(count)]
        Conversation.objects.bulk_create(made)
        Message.objects.bulk_create(
            [Message(conversation=one, role="user", content=uuid.uuid4().hex * 600, position=1) for one in made]
        )

    def peak() -> int:
        tracemalloc.start()
        try:
            size = sum(len(piece) for piece in exports.stream(alice, "jsonl", tell=lambda _count: None))
            assert size > 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    fill(60)
    peak()
    few = peak()
    fill(240)
    assert peak() < few * 1.5 + 1_000_000


@pytest.mark.django_db(transaction=True)
def test_a_browser_gets_the_stream_and_sees_how_far_it_is(as_alice: Browser, alice, workspace):
    for number in range(45):
        conversation = Conversation.objects.create(workspace=workspace, owner=alice, title=f"Chat {number}")
        say(conversation, "user", "Hello")
    export_id = str(uuid.uuid4())

    answer = as_alice.post("/settings/your-data/export/", {"format": "zip", "export": export_id}, is_htmx=False)
    progress = as_alice.client.get(f"/settings/your-data/export/progress/?export={export_id}").json()

    assert answer.status_code == 200
    assert re.fullmatch(r'attachment; filename="ollive chats [0-9-]+\.zip"', answer.headers["Content-Disposition"])
    assert len(read_zip(answer.content)) == 90
    assert progress == {"done": 45, "total": 45}


def test_nobody_sees_the_progress_of_another(as_alice_here, bob, chat):
    export_id = str(uuid.uuid4())
    answer = as_alice_here.post(reverse("chat:export_all"), {"format": "jsonl", "export": export_id})
    assert len(list(answer.streaming_content)) == 1
    as_bob = Client()
    as_bob.force_login(bob)
    told = {
        name: client.get(reverse("chat:export_progress"), {"export": export_id}).json()
        for name, client in {"alice": as_alice_here, "bob": as_bob}.items()
    }
    assert told == {"alice": {"done": 1, "total": 1}, "bob": {"done": 0, "total": 0}}


def test_the_documentation_shows_a_chat_that_is_one():
    shown = re.search(r"```json\n(.*?)```", Path(ROOT / "docs" / "export.md").read_text(), re.DOTALL)
    assert shown
    assert json.loads(shown[1])["format"] == exports.FORMAT
