"""Several models behind one name: how requests are shared out, and what follows when one fails."""

from collections import Counter
from decimal import Decimal

import pytest

from gateway import sources, spending
from gateway.models import ModelEntry
from gateway.protocol import ProviderError
from tests.fakes.replies import TEXT
from tests.gateway.aliases.asking import anybody, ask, make_alias, plan

pytestmark = pytest.mark.django_db


def test_requests_are_shared_out_by_weight(openai, workspace):
    make_alias(workspace, "plain", "whole=3", weight=1)
    counts = Counter(plan(workspace).target.model for _ in range(400))
    assert set(counts) == {"plain", "whole"}
    assert 240 < counts["whole"] < 360


def test_a_model_of_weight_0_is_not_asked(openai, workspace):
    make_alias(workspace, "plain", "whole=0")
    assert {plan(workspace).target.model for _ in range(50)} == {"plain"}


def test_a_person_has_the_same_model_each_time_where_the_name_says_so(openai, workspace):
    make_alias(workspace, "plain", "whole", split_by="user")
    people = [anybody() for _ in range(40)]
    first = [plan(workspace, subject=person).target.model for person in people]
    assert [plan(workspace, subject=person).target.model for person in people] == first
    assert set(first) == {"plain", "whole"}


def test_a_change_of_weights_moves_nobody_from_the_model_that_gains(openai, workspace):
    alias = make_alias(workspace, "plain", "whole", split_by="user")
    people = [anybody() for _ in range(60)]
    before = {person: plan(workspace, subject=person).target.model for person in people}
    alias.weight = 5
    alias.save()
    sources.forget()
    after = {person: plan(workspace, subject=person).target.model for person in people}
    assert all(after[person] == "plain" for person in people if before[person] == "plain")
    assert Counter(after.values())["plain"] > Counter(before.values())["plain"]


def test_a_failing_model_gives_way_to_the_other_at_once(openai, workspace):
    openai.script("plain", status=503)
    make_alias(workspace, "plain", "whole=1", weight=1000)
    answered = ask(workspace)
    assert (answered.text, answered.asked[-1]) == (TEXT, "whole")
    assert answered.last["requested_model"] == "smart"
    assert answered.last["fallback_of"] == answered.attempts[0]["inference_id"]


def test_a_model_alone_is_asked_again_as_often_as_the_name_says(openai, workspace):
    openai.queue("plain", {"status": 503}, {"status": 503}, {"status": 503}, {})
    make_alias(workspace, "plain", max_attempts=4)
    answered = ask(workspace)
    assert (answered.text, answered.asked) == (TEXT, ["plain"] * 4)
    assert "fallback_of" not in answered.last
    assert answered.last["attempt"] == 4


def test_the_last_error_is_the_answer_when_nobody_is_left(openai, workspace):
    make_alias(workspace, "error-503", max_attempts=2, fallbacks=["error-500"])
    answered = ask(workspace)
    assert answered.asked == ["error-503", "error-503", "error-500"]
    assert answered.error is not None
    assert answered.error.status == 500


@pytest.mark.parametrize("broken", ["error-401", "error-404", "quota", "reset-before", "html"])
def test_a_fallback_answers_where_the_first_one_cannot(openai, workspace, broken):
    make_alias(workspace, broken, max_attempts=1, fallbacks=["plain"])
    assert ask(workspace).text == TEXT


def test_fallbacks_are_asked_in_their_order(openai, workspace):
    make_alias(workspace, "error-503", max_attempts=1, fallbacks=["error-500", "whole", "plain"])
    assert ask(workspace).asked == ["error-503", "error-500", "whole"]


def test_no_other_model_is_asked_what_nobody_could_answer(openai, workspace):
    openai.script("plain", status=400, error={"message": "Unknown role: poet."})
    make_alias(workspace, "plain", fallbacks=["whole"])
    answered = ask(workspace)
    assert answered.asked == ["plain"]
    assert answered.error is not None
    assert answered.error.code == "invalid_request"


def test_a_filtered_prompt_is_not_taken_elsewhere(openai, workspace):
    make_alias(workspace, "policy", fallbacks=["plain"])
    assert ask(workspace).asked == ["policy"]


def test_nothing_follows_the_first_word(openai, workspace):
    make_alias(workspace, "reset-mid", fallbacks=["plain"])
    answered = ask(workspace)
    assert answered.asked == ["reset-mid"]
    assert answered.error is not None
    assert answered.text


def test_a_prompt_that_is_too_long_goes_to_a_model_that_takes_more(openai, workspace):
    for name, window in (("too-long", 1_000), ("plain", 500), ("whole", 9_000)):
        ModelEntry.objects.create(workspace=workspace, path=f"openai/{name}", context_window=window)
    make_alias(workspace, "too-long", fallbacks=["plain", "whole"])
    answered = ask(workspace)
    assert (answered.asked, answered.text) == (["too-long", "whole"], TEXT)


def test_a_model_that_is_slow_to_begin_is_given_up_in_the_names_own_time(openai, workspace):
    make_alias(workspace, "slow-start-9", max_attempts=1, first_byte_seconds=0.3, fallbacks=["plain"])
    answered = ask(workspace)
    assert answered.asked == ["slow-start-9", "plain"]
    assert answered.attempts[0]["error_class"] == "timeout"


def test_a_model_that_falls_silent_is_given_up_in_the_names_own_time(openai, workspace):
    make_alias(workspace, "hang-mid", idle_seconds=0.3)
    answered = ask(workspace)
    assert answered.error is not None
    assert answered.error.code == "timeout"


def test_a_model_whose_provider_is_gone_is_left_out(openai, workspace):
    alias = make_alias(workspace, "plain")
    alias.deployments.create(path="nowhere/model", weight=1000)
    assert {plan(workspace).target.model for _ in range(20)} == {"plain"}


def test_a_name_none_of_whose_models_can_be_reached_is_refused(openai, workspace):
    alias = make_alias(workspace, "plain")
    alias.path = "nowhere/model"
    alias.save()
    sources.forget()
    with pytest.raises(ProviderError) as caught:
        plan(workspace)
    assert caught.value.code == "no_provider"


def test_a_role_gets_only_the_models_that_it_may_use(openai, workspace):
    ModelEntry.objects.create(workspace=workspace, path="openai/plain", roles=["owner"])
    make_alias(workspace, "plain", "whole=1", weight=1000)
    assert {plan(workspace, role="member").target.model for _ in range(20)} == {"whole"}
    assert plan(workspace, role="owner").target.model == "plain"
    ModelEntry.objects.create(workspace=workspace, path="openai/whole", roles=["owner"])
    sources.forget()
    with pytest.raises(ProviderError) as caught:
        plan(workspace, role="member")
    assert caught.value.code == "permission"


def test_another_workspace_does_not_know_the_name(openai, workspace, charlie):
    make_alias(workspace, "plain", name="mine")
    with pytest.raises(ProviderError):
        plan(charlie.workspaces.get(), "mine")


def test_the_route_goes_on_with_the_model_that_it_has_come_to(openai, workspace):
    make_alias(workspace, "error-503", max_attempts=1, fallbacks=["plain"])
    route = ask(workspace).route
    assert route is not None
    onward = route.onward()
    assert (onward.name, onward.target.model) == ("smart", "plain")


def test_a_budget_is_asked_for_what_the_dearest_of_them_costs():
    assert spending._most([Decimal("0.1"), Decimal("0.4")]) == Decimal("0.4")
    assert spending._most([Decimal(0), None]) is None
    assert spending._most([Decimal(0), Decimal(0)]) == 0
