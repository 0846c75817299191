"""Feedback: one click for a thumb, a panel for the rest; changed, withdrawn, and what stays of it where."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from uuid_utils.compat import uuid7

from chat import contexts, deletion
from chat.models import Conversation, Message
from telemetry import erasure, person_erasure, policies, retention, scores
from telemetry.models import InferenceLog, ProductEvent, Score
from telemetry.queries.filters import Filters
from telemetry.queries.pages import logs_page
from telemetry.reredaction import Period, backfill
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def reply(alice, workspace) -> Message:
    conversation = Conversation.objects.create(workspace=workspace, owner=alice, title="Tides")
    prompt = Message.objects.create(conversation=conversation, role="user", content="Why?", position=1)
    return Message.objects.create(
        conversation=conversation,
        parent=prompt,
        role="assistant",
        content="The Moon.",
        model="openai/plain",
        inference_id=uuid7(),
        trace_id="a" * 32,
        run_id=uuid.uuid4(),
        position=2,
    )


@pytest.fixture
def as_alice(alice) -> Client:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(alice)
    return client


def give(client: Client, reply: Message, **fields):
    return client.post(reverse("chat:feedback", args=[reply.id]), fields)


def stored(reply: Message) -> dict[str, tuple]:
    found = Score.objects.filter(message_id=reply.id).order_by("name", "label")
    return {f"{score.name}:{score.label}": (score.value, score.comment) for score in found}


def test_one_click_is_enough_for_a_thumb(as_alice, reply, alice, workspace):
    answer = give(as_alice, reply, thumb="up")

    assert answer.status_code == 200
    assert 'data-thumb="up"' in answer.content.decode()
    score = Score.objects.get()
    assert (score.name, score.kind, score.value, score.source) == ("thumb", "boolean", 1.0, "person")
    assert (score.workspace_id, score.user_id, score.message_id) == (workspace.id, alice.id, reply.id)
    assert (score.inference_id, score.trace_id, score.conversation_id) == (reply.inference_id, "a" * 32, reply.conversation_id)


def test_the_panel_adds_a_rating_reasons_and_a_comment_and_keeps_the_thumb(as_alice, reply):
    give(as_alice, reply, thumb="down")
    give(as_alice, reply, panel="1", rating="2", reason=["wrong", "slow", "made up by the client"], comment="  The Sun too.\r\n")

    assert stored(reply) == {
        "thumb:": (0.0, ""),
        "rating:": (2.0, ""),
        "reason:slow": (None, ""),
        "reason:wrong": (None, ""),
        "comment:": (None, "The Sun too."),
    }


def test_a_change_keeps_the_first_time_and_makes_no_second_score(as_alice, reply):
    give(as_alice, reply, thumb="up")
    first = Score.objects.get()
    give(as_alice, reply, thumb="down")

    changed = Score.objects.get()
    assert (changed.id, changed.created_at, changed.value) == (first.id, first.created_at, 0.0)
    assert changed.updated_at > first.updated_at


def test_a_changed_thumb_drops_the_reasons_of_the_other_one(as_alice, reply):
    give(as_alice, reply, thumb="down")
    give(as_alice, reply, panel="1", reason=["wrong"], rating="1")
    give(as_alice, reply, thumb="up")
    assert stored(reply) == {"thumb:": (1.0, ""), "rating:": (1.0, "")}


def test_what_was_given_can_be_withdrawn(as_alice, reply):
    give(as_alice, reply, thumb="up")
    give(as_alice, reply, panel="1", rating="5", comment="Yes")
    give(as_alice, reply, thumb="none")
    assert stored(reply) == {"rating:": (5.0, ""), "comment:": (None, "Yes")}
    give(as_alice, reply, withdraw="1")
    assert not Score.objects.exists()


@pytest.mark.parametrize("fields", [{"rating": "6"}, {"rating": "0"}, {"rating": "five"}, {"comment": "x" * 5001}])
def test_what_cannot_be_is_refused_with_a_sentence(as_alice, reply, fields):
    answer = give(as_alice, reply, panel="1", **fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert fields.get("comment", "") in answer.content.decode()
    assert not Score.objects.exists()


def test_a_comment_is_redacted_before_it_is_stored(as_alice, reply):
    give(as_alice, reply, panel="1", comment="Ask alice.liddell@example.org")
    assert stored(reply) == {"comment:": (None, "Ask [[EMAIL]]")}


def test_a_comment_is_redacted_again_by_newer_rules(as_alice, reply, workspace):
    give(as_alice, reply, panel="1", comment="The Heffalump")
    rules = policies.rules_of(workspace.id)
    Score.objects.update(comment="Ask alice.liddell@example.org", redaction_version=0)
    done = backfill(workspace.id, rules, Period(), is_dry=False, report=lambda _count: None)
    assert stored(reply) == {"comment:": (None, "Ask [[EMAIL]]")}
    assert done.kinds == {"EMAIL": 1}


def test_it_is_counted_once_as_an_event(as_alice, reply):
    give(as_alice, reply, thumb="down")
    give(as_alice, reply, thumb="up")
    give(as_alice, reply, panel="1", rating="4")
    event = ProductEvent.objects.get(name="feedback_given")
    assert (event.detail, event.conversation_id) == ("down", reply.conversation_id)


def test_the_page_shows_what_was_given(as_alice, reply):
    give(as_alice, reply, thumb="up")
    give(as_alice, reply, panel="1", rating="4")
    page = as_alice.get(reverse("chat:conversation", args=[reply.conversation_id])).content.decode()
    assert page.count('aria-pressed="true"') == 1
    assert 'icon-button is-given"' in page


def test_without_a_script_a_thumb_leads_back_to_the_reply(alice, reply):
    client = Client()
    client.force_login(alice)
    answer = give(client, reply, thumb="up")
    assert answer.status_code == 302
    assert answer["Location"] == f"/c/{reply.conversation_id}/#message-{reply.id}"
    assert "What was good?" in client.get(reverse("chat:feedback", args=[reply.id])).content.decode()


def test_a_prompt_has_no_feedback(as_alice, reply):
    assert give(as_alice, reply.parent, thumb="up").status_code == 404


def test_a_page_reads_the_feedback_of_all_its_replies_at_once(alice, workspace, django_assert_num_queries):
    def page_of(count: int) -> Conversation:
        conversation = Conversation.objects.create(workspace=workspace, owner=alice)
        parent = None
        for position in range(count):
            role = "assistant" if position % 2 else "user"
            parent = Message.objects.create(
                conversation=conversation, role=role, content="x", parent=parent, position=position + 1
            )
            if role == "assistant":
                told = {"workspace_id": workspace.id, "message_id": parent.id, "user_id": alice.id, "source": "person"}
                Score.objects.create(**told, name="thumb", kind="boolean", value=1)
        return conversation

    small, large = page_of(10), page_of(20)
    with CaptureQueriesContext(connection) as captured:
        contexts.transcript(small)
    with django_assert_num_queries(len(captured)):
        contexts.transcript(large)


def test_a_score_may_come_before_its_call(as_alice, reply, workspace):
    give(as_alice, reply, thumb="up")
    assert not InferenceLog.objects.exists()
    told = {"workspace_id": workspace.id, "conversation_id": reply.conversation_id, "message_id": reply.id}
    record(started(reply.inference_id, **told), finished(reply.inference_id, **told))
    assert [score.name for score in scores.of_call(workspace.id, InferenceLog.objects.get().id)] == ["thumb"]


def test_calls_are_found_by_whether_they_were_judged(as_alice, reply, workspace):
    give(as_alice, reply, thumb="up")
    other = uuid7()
    for call in (reply.inference_id, other):
        record(started(call, workspace_id=workspace.id), finished(call, workspace_id=workspace.id))
    found = {
        wanted: [line.id for line in logs_page(Filters(workspace.id, has_score=wanted), now=timezone.now()).lines]
        for wanted in (True, False)
    }
    assert found == {True: [reply.inference_id], False: [other]}


def test_the_operator_sees_numbers_and_with_permission_words(as_alice, reply, workspace, dora):
    give(as_alice, reply, thumb="down")
    give(as_alice, reply, panel="1", rating="2", reason=["wrong"], comment="Off by a day")
    record(started(reply.inference_id, workspace_id=workspace.id), finished(reply.inference_id, workspace_id=workspace.id))
    dora.user_permissions.add(Permission.objects.get(codename="view_inferencelog"))
    client = Client()
    client.force_login(dora)
    address = reverse("admin:telemetry_inferencelog_change", args=[reply.inference_id])
    text = client.get(address).content.decode()
    assert "thumb: down" in text
    assert "rating: 2" in text
    assert "reason: wrong" in text
    assert "Off by a day" not in text
    dora.user_permissions.add(Permission.objects.get(codename="view_content"))
    assert "Off by a day" not in client.get(address).content.decode()
    revealed = client.post(reverse("admin:telemetry_inferencelog_reveal", args=[reply.inference_id]))
    assert "comment: Off by a day" in revealed.content.decode()


def test_numbers_outlive_the_conversation_and_words_do_not(as_alice, reply):
    give(as_alice, reply, thumb="up")
    give(as_alice, reply, panel="1", rating="4", comment="Well told")
    deletion.delete(reply.conversation)

    left = {score.name: score for score in Score.objects.all()}
    assert left.keys() == {"thumb", "rating"}
    assert {(score.message_id, score.conversation_id, score.comment) for score in left.values()} == {(None, None, "")}
    assert left["rating"].inference_id == reply.inference_id


def test_an_erased_call_takes_its_scores_along(as_alice, reply, workspace):
    give(as_alice, reply, thumb="up")
    record(started(reply.inference_id, workspace_id=workspace.id), finished(reply.inference_id, workspace_id=workspace.id))
    erasure.erase_calls(InferenceLog.objects.all())
    assert not Score.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_erased_person_takes_their_scores_along(as_alice, reply, alice):
    give(as_alice, reply, thumb="up")
    subject = person_erasure.Subject(alice.id)
    assert person_erasure.counts(subject)["scores"] == 1
    noted: dict[str, int] = {}
    person_erasure.erase_user(subject, lambda kind, count: noted.update({kind: noted.get(kind, 0) + count}))
    assert noted["scores"] == 1
    assert not Score.objects.exists()


@pytest.mark.parametrize(("days", "left"), [(10, {"rating", "comment"}), (31, {"rating"}), (401, set())])
def test_comments_go_with_the_calls_and_numbers_with_the_sums(as_alice, reply, days, left):
    give(as_alice, reply, panel="1", rating="4", comment="Well told")
    today = (timezone.now() + timedelta(days=days)).date()
    policy = retention.installation()
    scores.expire(today - timedelta(days=retention.raw_days(policy)), today - timedelta(days=retention.rollup_days(policy)), None)
    assert {score.name for score in Score.objects.all()} == left


def test_one_person_judges_a_reply_once(reply, alice, workspace):
    fields = {"workspace_id": workspace.id, "message_id": reply.id, "user_id": alice.id, "source": "person", "name": "thumb"}
    Score.objects.create(**fields, kind="boolean", value=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Score.objects.create(**fields, kind="boolean", value=0)
