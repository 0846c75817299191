"""Feedback that programs report on conversations and messages."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chat.models import Conversation, Feedback
from telemetry.models import ProductEvent, Score
from tests.chat.programs import made, program_of, said
from tests.server import WebServer

MAIL = "mad.hatter@example.org"


@pytest.fixture
def program(server: WebServer, alice) -> Iterator[httpx.Client]:
    with program_of(alice, server) as client:
        yield client


def report(program: httpx.Client, conversation: str, **fields: Any) -> httpx.Response:
    return program.post(f"/api/v1/conversations/{conversation}/feedback", json=fields)


def scores() -> dict[str, Any]:
    return {score.name: score.comment or score.value for score in Score.objects.all()}


def test_feedback_on_a_message_is_answered_as_it_was_sent_and_judges_its_call(program: httpx.Client):
    conversation = made(program)
    message = said(program, conversation).json()["message"]
    sent = {
        "message_id": message["id"],
        "user_id": "user_123",
        "feedback_type": "thumbs_up",
        "rating": 5,
        "comment": "Very helpful response!",
        "metadata": {"page": 3},
    }
    answer = report(program, conversation, **sent)

    assert answer.status_code == 201
    assert answer.json().keys() == {*sent, "id", "conversation_id", "created_at"}
    assert {name: answer.json()[name] for name in sent} == sent
    assert scores() == {"thumb": 1.0, "rating": 5.0, "comment": "Very helpful response!"}
    score = Score.objects.get(name="thumb")
    assert (str(score.message_id), score.trace_id, score.source, score.user_id) == (
        message["id"],
        message["trace_id"],
        "api",
        None,
    )
    assert ProductEvent.objects.filter(name="feedback_given", detail="up").count() == 1


def test_feedback_may_be_about_the_whole_conversation_and_many_may_give_it(program: httpx.Client):
    conversation = made(program)
    for kind in ("thumbs_down", "flag"):
        told = report(program, conversation, feedback_type=kind).json()
        assert (told["message_id"], told["rating"], told["comment"], told["metadata"]) == (None, None, None, {})
    assert scores() == {"thumb": 0.0, "flag": 1.0}
    assert Feedback.objects.count() == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"feedback_type": "love"},
        {"feedback_type": "flag", "rating": 6},
        {"feedback_type": "flag", "rating": 0},
        {"feedback_type": "flag", "comment": "x" * 5_001},
        {"feedback_type": "flag", "message_id": "none"},
    ],
    ids=["nothing", "another kind", "too high", "too low", "long", "no id"],
)
def test_what_feedback_cannot_be_is_422(program: httpx.Client, body):
    assert report(program, made(program), **body).status_code == 422
    assert not Score.objects.exists()


def test_a_message_of_another_conversation_is_not_found(program: httpx.Client):
    message = said(program, made(program)).json()["message"]
    assert report(program, made(program), feedback_type="flag", message_id=message["id"]).status_code == 404


def test_personal_data_is_removed_and_words_go_with_the_conversation(program: httpx.Client):
    conversation = made(program)
    answer = report(program, conversation, feedback_type="flag", comment=f"Ask {MAIL}", user_id=MAIL, metadata={"mail": MAIL})

    kept = [str(row.__dict__) for row in (*Feedback.objects.all(), *Score.objects.all())]
    assert MAIL not in answer.text + "".join(kept)
    program.delete(f"/api/v1/conversations/{conversation}")
    assert not Conversation.objects.exists()
    assert not Feedback.objects.exists()
    assert [(score.name, score.conversation_id, score.comment) for score in Score.objects.all()] == [("flag", None, "")]
