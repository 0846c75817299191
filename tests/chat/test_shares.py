"""Share links: a snapshot for whoever has the address, until it is revoked, and never more than what was stored."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Membership
from chat import originals, reredaction, sharing, trees
from chat.models import Conversation, Message, Share
from chat.views import shares
from telemetry import policies
from telemetry.models import RedactionPolicy, RedactionRule
from telemetry.reredaction import Period

pytestmark = pytest.mark.django_db


def say(conversation: Conversation, role: str, text: str, parent: Message | None = None, **fields) -> Message:
    position = (conversation.messages.count()) + 1
    return Message.objects.create(conversation=conversation, role=role, content=text, parent=parent, position=position, **fields)


@pytest.fixture
def chat(alice, workspace) -> Conversation:
    conversation = Conversation.objects.create(workspace=workspace, owner=alice, title="Tides of [[LOCATION]]")
    prompt = say(conversation, "user", "Why is there <b>high water</b>?")
    say(
        conversation,
        "assistant",
        "The **Moon**.",
        prompt,
        model="openai/gpt-4o",
        completion_tokens=7,
        prompt_tokens=5,
        cost_usd="0.5",
    )
    return conversation


@pytest.fixture
def as_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def share(client: Client, conversation: Conversation, **choices) -> str:
    """Make or update the link; its path."""
    answer = client.post(reverse("chat:share", args=[conversation.id]), choices, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.content.decode()
    found = re.search(r'value="http://testserver(/share/[^"]+/)"', answer.content.decode())
    assert found
    return found[1]


def test_whoever_has_the_link_reads_the_chat_without_an_account(as_alice, chat):
    path = share(as_alice, chat, shows_models="on")
    page = Client().get(path)
    text = page.content.decode()

    assert page.status_code == 200
    assert "<strong>Moon</strong>" in text
    assert "Why is there &lt;b&gt;high water&lt;/b&gt;?" in text
    assert "openai/gpt-4o" in text
    assert "noindex" in page["X-Robots-Tag"]
    assert page["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page["Cache-Control"]
    assert "<form" not in text


def test_nobodys_name_or_address_is_in_it_unless_chosen(as_alice, chat):
    path = share(as_alice, chat)
    text = Client().get(path).content.decode()
    assert "Alice" not in text
    assert "alice@" not in text
    assert "openai/gpt-4o" not in text
    assert "$0.50" not in text
    share(as_alice, chat, shows_name="on", shows_costs="on")
    text = Client().get(path).content.decode()
    assert "Shared by Alice" in text
    assert "alice@" not in text
    assert "5 + 7 tokens" in text
    assert "$0.50" in text


def test_it_is_a_snapshot_until_it_is_updated(as_alice, chat):
    path = share(as_alice, chat)
    last = chat.messages.get(role="assistant")
    say(chat, "user", "And in Naples?", last)
    assert "Naples" not in Client().get(path).content.decode()
    assert share(as_alice, chat) == path
    assert "Naples" in Client().get(path).content.decode()
    assert Share.objects.count() == 1


def test_only_the_shown_branch_is_in_it(as_alice, chat):
    prompt = chat.messages.get(role="user")
    other = say(chat, "assistant", "The other branch", prompt)
    shown = chat.messages.get(content__contains="Moon")
    trees.show(chat, shown.id, trees.read(chat.id))
    text = Client().get(share(as_alice, chat)).content.decode()
    assert "Moon" in text
    assert other.content not in text


def test_a_revoked_link_looks_like_one_that_never_was(as_alice, chat):
    path = share(as_alice, chat)
    as_alice.post(reverse("chat:revoke_share", args=[Share.objects.get().id]))

    revoked, unknown = Client().get(path), Client().get("/share/never-was/")
    assert (revoked.status_code, unknown.status_code) == (404, 404)
    assert revoked.content == unknown.content
    assert not Share.objects.exists()
    assert list(AuditEntry.objects.values_list("action", flat=True).order_by("id")) == ["share.created", "share.revoked"]


def test_the_token_is_stored_hashed_and_sealed(as_alice, chat):
    token = share(as_alice, chat).split("/")[2]
    row = Share.objects.values("token_hash", "token").get()
    assert token not in str(row)
    assert row["token_hash"] == Share.hash_of(token)


@pytest.mark.parametrize("ending", ["put away", "deleted", "left", "deactivated"])
def test_it_ends_with_the_chat_and_with_the_membership(as_alice, chat, alice, ending):
    path = share(as_alice, chat)
    if ending == "put away":
        Conversation.objects.update(deleted_at=timezone.now())
    elif ending == "deleted":
        chat.delete()
    elif ending == "left":
        Membership.objects.filter(user=alice).delete()
    else:
        type(alice).objects.filter(id=alice.id).update(is_active=False)
    assert Client().get(path).status_code == 404


def test_where_links_are_not_public_only_members_read_them(as_alice, chat, bob, charlie, settings):
    settings.OLLIVE_PUBLIC_SHARING = False
    path = share(as_alice, chat)
    outcomes = {}
    for person in (bob, charlie):
        client = Client()
        client.force_login(person)
        outcomes[person.name] = client.get(path).status_code
    assert outcomes == {"Bob": 200, "Charlie": 404}
    for address in (path, "/share/never-was/"):
        assert Client().get(address)["Location"] == f"/accounts/login/?next={address}"


def test_nobody_shares_or_revokes_what_is_not_theirs(as_alice, chat, bob):
    share(as_alice, chat)
    as_bob = Client()
    as_bob.force_login(bob)
    assert as_bob.post(reverse("chat:share", args=[chat.id])).status_code == 404
    assert as_bob.post(reverse("chat:revoke_share", args=[Share.objects.get().id])).status_code == 404
    assert Share.objects.count() == 1


def test_a_viewer_shares_nothing(as_alice, chat, alice):
    Membership.objects.filter(user=alice).update(role="viewer")
    assert as_alice.post(reverse("chat:share", args=[chat.id])).status_code == 403


@pytest.mark.parametrize(("fields", "reason"), [({"is_temporary": True}, "temporary"), ({}, "nothing to share")])
def test_what_cannot_be_shared_is_refused_with_a_sentence(as_alice, alice, workspace, fields, reason):
    empty = Conversation.objects.create(workspace=workspace, owner=alice, **fields)
    answer = as_alice.post(reverse("chat:share", args=[empty.id]), headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert reason in answer.content.decode()


def test_what_a_vault_keeps_is_never_shared(as_alice, chat, workspace):
    RedactionPolicy.objects.create(workspace=workspace, mode="mask", keeps_originals=True)
    prompt = chat.messages.get(role="user")
    Message.objects.filter(id=prompt.id).update(content="Mail to [[EMAIL_1]]")
    later = timezone.now() + timedelta(hours=1)
    originals.keep_values(prompt.id, {"[[EMAIL_1]]": "white.rabbit@example.org"}, until=later)
    reply = chat.messages.get(role="assistant")
    originals.keep_text(reply.id, "Told to white.rabbit@example.org", until=later)

    own = as_alice.get(reverse("chat:conversation", args=[chat.id])).content.decode()
    path = share(as_alice, chat)
    assert "white.rabbit" in own
    assert "white.rabbit" not in Client().get(path).content.decode()
    assert "white.rabbit" not in as_alice.get(path).content.decode()
    assert "white.rabbit" not in str(Share.objects.values().get())


def test_a_snapshot_is_redacted_again_by_newer_rules(as_alice, chat, workspace):
    path = share(as_alice, chat)
    RedactionRule.objects.create(workspace=workspace, label="BODY", form="words", source="moon", is_on=True)
    policies.rules_changed(workspace.id)
    reredaction.backfill(workspace.id, policies.rules_of(workspace.id), Period(), is_dry=False, report=lambda _count: None)
    text = Client().get(path).content.decode()
    assert "Moon" not in text
    assert "water" in text


def test_html_of_an_older_renderer_is_rendered_anew(as_alice, chat):
    path = share(as_alice, chat)
    found = Share.objects.get()
    found.messages[1]["html"] = "<p>as an older version wrote it</p>"
    found.renderer_version = 0
    found.save()
    text = Client().get(path).content.decode()
    assert "older version" not in text
    assert "<strong>Moon</strong>" in text


def test_a_member_continues_it_as_a_chat_of_their_own(as_alice, chat, bob):
    path = share(as_alice, chat)
    as_bob = Client()
    as_bob.force_login(bob)
    assert "Continue this chat" in as_bob.get(path).content.decode()
    answer = as_bob.post(f"{path}continue/")
    made = Conversation.objects.get(owner=bob)
    assert answer["Location"] == f"/c/{made.id}/"
    assert [message.content for message in made.messages.order_by("position")] == [
        "Why is there <b>high water</b>?",
        "The **Moon**.",
    ]
    assert made.messages.get(position=2).parent == made.messages.get(position=1)


def test_wrong_addresses_are_not_looked_up_without_end(monkeypatch):
    monkeypatch.setattr(shares, "MISSES_A_MINUTE", 3)
    stranger = Client(REMOTE_ADDR=f"10.{uuid.uuid4().int % 250}.0.1")
    statuses = [stranger.get(f"/share/guess-{number}/").status_code for number in range(8)]
    assert statuses[:3] == [404, 404, 404]
    assert 429 in statuses[3:]


def test_the_list_of_links_costs_the_same_at_any_length(alice, workspace, as_alice, django_assert_num_queries):
    def add(count):
        for _ in range(count):
            conversation = Conversation.objects.create(workspace=workspace, owner=alice, title="Shared one")
            say(conversation, "user", "x")
            sharing.make(conversation, sharing.Choices(), by=alice, now=timezone.now())

    as_alice.get(reverse("chat:your_data"))  # what is remembered is remembered now
    add(10)
    with CaptureQueriesContext(connection) as few:
        as_alice.get(reverse("chat:your_data"))
    add(10)
    with django_assert_num_queries(len(few)):
        page = as_alice.get(reverse("chat:your_data")).content.decode()
    assert page.count("Revoke the link to") == 20
