"""What Alice's calls and chats say is nowhere to be read by others: pages, searches, files, the API and the administration."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import NoReverseMatch, reverse
from uuid_utils.compat import uuid7

from accounts.models import AuditEntry, Membership, User
from chat.models import Conversation, Message
from telemetry import spans
from telemetry.models import DeadLetter, InboxEvent, InferenceLog, Score, Span
from tests.house.row import SIGN_IN
from tests.house.rows import ROWS
from tests.people import join, make_person
from tests.programs import make_token
from tests.telemetry.calls import append, finished, record, started

pytestmark = pytest.mark.django_db
SECRET = "heffalump"
ASKED = "harbour"  # said beside the secret: who may not read must not even learn that a call said it
TRACE = "ab" * 16
# Where a page takes what is looked for, and every way in which it may be looked for.
LOOKING = (
    "",
    f"?q={ASKED}",
    f"?search={ASKED}",
    f"?words={ASKED}",
    f"?q={ASKED}&by=meaning",
    "?window=30d&status=error",
    "?group_by=user_id",
)
LISTS = {"/logs/", "/feedback/", "/analytics/", "/dashboards/", "/sessions/", "/datasets/"}


@dataclass
class Said:
    """What Alice has that tells of it."""

    call: InferenceLog
    step: Span
    conversation: Conversation
    message: Message
    score: Score

    def named(self) -> dict[str, Any]:
        """By the name that an address has for it."""
        return {
            "inference_id": self.call.id,
            "trace_id": TRACE,
            "step_id": self.step.id,
            "conversation_id": self.conversation.id,
            "message_id": self.message.id,
            "session_id": "tea-party",
            "name": "calls",
        }


@pytest.fixture
def said(alice, workspace) -> Said:
    words = f"The {ASKED} has a {SECRET}."
    told = {"workspace_id": workspace.id, "user_id": alice.id, "session_id": "tea-party", "trace_id": TRACE}
    end = {"status": "error", "error_class": "server_error", "error_message": words}
    identity = uuid7()
    chat = Conversation.objects.create(workspace=workspace, owner=alice, title=words)
    record(
        started(identity, **told, conversation_id=chat.id, messages=[{"role": "user", "content": words}]),
        finished(identity, workspace_id=workspace.id, **end, reply=words, reasoning=words),
        spans.build(
            {"id": uuid7(), **{name: str(value) for name, value in told.items()}, "kind": "tool", "name": "look_up"}
            | {"arguments": words, "result": words, "error_message": words, "status": "error", "inference_id": str(identity)}
        ),
    )
    message = Message.objects.create(conversation=chat, role="user", content=words, position=1)
    score = Score.objects.create(
        workspace_id=workspace.id,
        inference_id=identity,
        user_id=alice.id,
        conversation_id=chat.id,
        source="person",
        name="comment",
        kind="text",
        comment=words,
    )
    append(finished(workspace_id=workspace.id, reply=words))
    waiting = InboxEvent.objects.get()
    DeadLetter.objects.create(
        **{name: getattr(waiting, name) for name in ("workspace_id", "inference_id", "event_id", "body", "received_at")},
        attempt_count=5,
        error=f"ValueError: {words}",
    )
    return Said(InferenceLog.objects.get(), Span.objects.get(), chat, message, score)


def addresses(said: Said) -> Iterator[str]:
    """Every page and file that is got, about her things where it is about one."""
    for name, row in ROWS.items():
        if row.method != "get" or name.startswith(("api:", "chat:share")) or row.anonymous != SIGN_IN:
            continue
        if found := addresses_of(name, said):
            yield from (f"{found}{query}" for query in (LOOKING if found in LISTS else [""]))


def addresses_of(name: str, said: Said) -> str | None:
    """None where it is about something else than what was said."""
    for names in ((), *((one,) for one in said.named()), ("trace_id", "step_id")):
        try:
            return reverse(name, kwargs={one: said.named()[one] for one in names})
        except NoReverseMatch:
            continue
    return None


def body_of(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text: str = content.decode(errors="replace")
    return text


@pytest.fixture
def reader(request, workspace, bob) -> User:
    """Bob as a member, as a viewer, and as an admin, who sees metadata of all and content of none."""
    Membership.objects.filter(user=bob).update(role=request.param)
    found: User = bob
    return found


@pytest.mark.parametrize("reader", ["viewer", "member", "admin"], indirect=True)
def test_who_shares_the_workspace_reads_it_on_no_page(said, reader):
    client = Client()
    client.force_login(reader)
    read = {address: client.get(address, follow=True) for address in addresses(said)}
    assert sum(answer.status_code == 200 for answer in read.values()) > 20
    assert [address for address, answer in read.items() if SECRET in body_of(answer)] == []


@pytest.mark.parametrize("reader", ["viewer", "member", "admin"], indirect=True)
def test_a_search_for_what_was_said_does_not_find_it_for_others(said, reader, alice):
    """That it was found would tell that it was said."""
    for person, is_found in ((alice, True), (reader, False)):
        client = Client()
        client.force_login(person)
        assert (str(said.call.id) in body_of(client.get(reverse("logs"), {"q": ASKED, "window": "365d"}))) is is_found


@pytest.mark.parametrize("reader", ["viewer", "member", "admin"], indirect=True)
def test_who_shares_the_workspace_reads_it_from_no_address_of_the_api(said, reader):
    scopes = ["logs:read", "metrics"]
    client = Client(headers={"authorization": f"Bearer {make_token(reader, scopes=scopes)}"})
    asked = ["/logs", f"/logs/{said.call.id}", f"/logs/{said.call.id}?reveal=true", "/logs?reveal=true", f"/search?q={ASKED}"]
    asked += [
        f"/search?q={ASKED}&reveal=true",
        f"/search?q={said.call.id}",
        "/scores",
        f"/scores?inference_id={said.call.id}",
        "/datasets",
    ]
    asked += ["/dashboards", "/analytics", "/metrics/timeseries?metric=calls&window=24h"]
    read = {address: client.get(f"/api/v1{address}") for address in asked}
    assert read["/logs"].status_code == 200
    assert [address for address, answer in read.items() if SECRET in body_of(answer)] == []


def test_an_operator_who_may_view_all_but_content_reads_it_nowhere(said, dora):
    """Every list and page of the administration; a search in each list too."""
    dora.user_permissions.set(Permission.objects.exclude(codename="view_content"))
    client = Client()
    client.force_login(dora)
    told = "telemetry_inferencelog telemetry_span telemetry_score telemetry_inboxevent telemetry_deadletter chat_conversation"
    lists = [reverse(f"admin:{name}_changelist") for name in told.split()]
    read = [*lists, *(f"{address}?q={ASKED}" for address in lists)]
    keys = {
        "telemetry_inferencelog": said.call.id,
        "telemetry_span": f"{said.step.received_at.isoformat()}~{said.step.id}",
        "telemetry_score": said.score.id,
        "telemetry_inboxevent": InboxEvent.objects.get().id,
        "telemetry_deadletter": DeadLetter.objects.get().id,
        "chat_conversation": said.conversation.id,
    }
    for name, key in keys.items():
        read += [reverse(f"admin:{name}_{what}", args=[quote(str(key))]) for what in ("change", "history")]
    read += [reverse(f"admin:{name}_delete", args=[keys[name]]) for name in ("telemetry_inferencelog", "chat_conversation")]
    read += [reverse("admin:telemetry_charts"), reverse("admin:telemetry_accounting"), reverse("admin:index")]
    answers = {address: client.get(address) for address in read}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert [address for address, answer in answers.items() if SECRET in body_of(answer)] == []
    for name in ("telemetry_inferencelog", "telemetry_deadletter"):
        assert client.post(reverse(f"admin:{name}_reveal", args=[keys[name]])).status_code == 403


def test_the_owner_reads_what_others_said_only_when_it_is_noted(said, workspace):
    """The other side: were nobody to read it anywhere, the tests above would prove nothing."""
    owner = join(make_person("Olive"), workspace, Membership.Role.OWNER)
    client = Client()
    client.force_login(owner)
    read = {address: client.get(address, follow=True) for address in addresses(said)}
    assert [address for address, answer in read.items() if SECRET in body_of(answer)] == []
    assert not AuditEntry.objects.filter(action="content.seen").exists()
    revealed = client.post(reverse("reveal_log", args=[said.call.id]), {"workspace": workspace.id}, follow=True)
    assert SECRET in body_of(revealed)
    assert AuditEntry.objects.get(action="content.seen").actor_id == owner.id


def test_alice_reads_her_own(said, alice):
    client = Client()
    client.force_login(alice)
    assert SECRET in body_of(client.get(reverse("log", args=[said.call.id])))
    assert SECRET in body_of(client.get(reverse("chat:conversation", args=[said.conversation.id])))
