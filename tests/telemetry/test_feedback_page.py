"""The list of what was thought of calls: who sees which, comments alone for who may read them, and each reveal noted."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit import Action
from accounts.models import AuditEntry, Membership
from telemetry.models import Score
from tests.people import join, make_person
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db


def judge(workspace, user=None, name: str = "thumb", value: float | None = 1.0, *, comment: str = "", days: float = 0, **fields):
    kind = {"thumb": "boolean", "flag": "boolean", "reason": "category", "comment": "text"}.get(name, "numeric")
    given = {"kind": kind, "source": "person" if user else "api", "inference_id": uuid4(), **fields}
    return Score.objects.create(
        workspace_id=workspace.pk,
        user_id=user.pk if user else None,
        name=name,
        value=value,
        comment=comment,
        created_at=timezone.now() - timedelta(days=days),
        **given,
    )


def call(workspace, user, model: str = "gpt-4o-mini") -> UUID:
    inference_id = uuid4()
    given = {"workspace_id": workspace.pk}
    record(started(inference_id, user_id=user.pk, model=model, **given), finished(inference_id, **given))
    return inference_id


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user, query: str = "") -> str:
    answer = client_of(user).get(f"/feedback/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_judgement_is_told_with_its_judge_its_model_and_its_call(alice, bob, workspace):
    judged = call(workspace, bob, "gpt-4o")
    judge(workspace, bob, inference_id=judged)
    shown = page(alice)
    assert "thumb: up" in shown
    assert "by Bob, on gpt-4o" in " ".join(shown.split())
    assert f"/logs/{judged}/" in shown


def test_members_see_what_they_thought_and_of_others_the_sums(alice, bob, workspace):
    viewer = join(make_person("Vera"), workspace, Membership.Role.VIEWER)
    judge(workspace, alice, "rating", 2, comment="Alice's secret words", inference_id=call(workspace, alice))
    judge(workspace, bob, "thumb", 0.0, comment="Bob's own words")
    shown = page(bob)
    assert "Bob&#x27;s own words" in shown
    for person in (bob, viewer):
        shown = page(person)
        assert "secret words" not in shown
        assert "rating: 2" not in shown
        assert "gpt-4o-mini" in shown
        answer = client_of(person).post("/feedback/reveal/", {"workspace": str(workspace.pk)})
        assert answer.status_code == 403


def test_others_comments_are_shown_to_the_owner_when_asked_for_and_that_is_noted(alice, bob, workspace):
    admin = join(make_person("Ada"), workspace, Membership.Role.ADMIN)
    score = judge(workspace, bob, "comment", None, comment="It forgot my name")
    assert "It forgot my name" not in page(alice)
    assert "It forgot my name" not in page(admin)
    assert "Show others&#x27; comments" not in page(admin)
    assert client_of(admin).post("/feedback/reveal/", {"workspace": str(workspace.pk)}).status_code == 403
    assert not AuditEntry.objects.filter(action=Action.CONTENT_SEEN).exists()
    answer = client_of(alice).post("/feedback/reveal/", {"workspace": str(workspace.pk)})
    assert "It forgot my name" in answer.content.decode()
    (entry,) = AuditEntry.objects.filter(action=Action.CONTENT_SEEN)
    assert entry.detail["calls"] == [str(score.inference_id)]


def test_ones_own_comment_needs_no_reveal_and_none_is_noted(alice, workspace):
    judge(workspace, alice, "comment", None, comment="My own words")
    assert "My own words" in page(alice)
    client_of(alice).post("/feedback/reveal/", {"workspace": str(workspace.pk)})
    assert not AuditEntry.objects.filter(action=Action.CONTENT_SEEN).exists()


def test_what_a_program_reports_of_ones_own_call_is_ones_own(alice, bob, workspace):
    judge(workspace, None, "comment", None, comment="Said by an end user", inference_id=call(workspace, alice))
    judge(workspace, None, "comment", None, comment="Said to Bob", inference_id=call(workspace, bob))
    shown = page(alice)
    assert "Said by an end user" in shown
    assert "Said to Bob" not in shown


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"thumb: up", "thumb: down", "rating: 5", "flag: yes"}),
        ("?mood=good", {"thumb: up", "rating: 5"}),
        ("?mood=bad", {"thumb: down", "flag: yes"}),
        ("?name=rating", {"rating: 5"}),
        ("?source=api", {"flag: yes"}),
        ("?comment=1", {"thumb: down"}),
        ("?window=7d", {"thumb: up", "thumb: down", "flag: yes"}),
        ("?window=all", {"thumb: up", "thumb: down", "rating: 5", "flag: yes", "helpfulness: 0.5"}),
    ],
)
def test_filters(alice, workspace, query, names):
    judge(workspace, alice)
    judge(workspace, alice, value=0.0, comment="No")
    judge(workspace, alice, "rating", 5, days=10)
    judge(workspace, None, "flag")
    judge(workspace, alice, "helpfulness", 0.5, days=50)
    shown = page(alice, query)
    every = {"thumb: up", "thumb: down", "rating: 5", "flag: yes", "helpfulness: 0.5"}
    assert {name for name in every if name in shown} == names


def test_what_is_no_filter_is_told_and_left_out(alice, workspace):
    judge(workspace, alice)
    shown = page(alice, "?window=2y&mood=sad&source=cat&after=nonsense&name=%00")
    assert "thumb: up" in shown
    for name in ("window", "mood", "source"):
        assert f"The filter {name} was left out" in shown
    assert "That page does not exist" in shown


def test_models_are_compared_by_what_was_thought_of_them(alice, bob, workspace):
    for value in (1.0, 1.0, 0.0):
        judge(workspace, bob, value=value, inference_id=call(workspace, bob, "gpt-4o"))
    judge(workspace, bob, "rating", 4, inference_id=call(workspace, bob, "o3"))
    judge(workspace, None, value=1.0, source="evaluation", inference_id=call(workspace, bob, "o3"))
    told = " ".join(page(alice).split())
    assert "gpt-4o </th> <td>2</td><td>1</td><td>66.7%</td><td>0</td><td>–</td>" in told
    assert "o3 </th> <td>0</td><td>0</td><td>–</td><td>1</td><td>4.0</td>" in told


def test_strangers_see_nothing_of_it(alice, charlie, workspace):
    judge(workspace, alice, comment="Ours")
    assert "thumb: up" not in page(charlie, "?window=all")
    assert client_of(charlie).post("/feedback/reveal/", {"workspace": str(workspace.pk)}).status_code == 404


def test_a_page_follows_the_other_and_costs_the_same(alice, bob, workspace):
    def queries(query: str = "") -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page(alice, query)
        return len(captured)

    for number in range(10):
        judge(workspace, bob if number % 2 else alice, "rating", number)
    few = queries()
    for number in range(10, 60):
        judge(workspace, bob if number % 2 else alice, "rating", number)
    assert queries() == few
    shown = page(alice)
    assert ("rating: 59" in shown, "rating: 10" in shown, "rating: 9" in shown.replace("rating: 9<", "old<")) == (
        True,
        True,
        False,
    )
    address = shown.split('next-page" href="')[1].split('"')[0].replace("&amp;", "&")
    older = client_of(alice).get(address).content.decode()
    assert [number for number in range(60) if f"rating: {number}<" in older] == list(range(10))
