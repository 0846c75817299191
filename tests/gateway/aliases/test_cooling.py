"""Deployments that fail rest for a while, in all processes."""

import time

import pytest

from gateway.cooling import Health, Rule, health
from gateway.protocol import ProviderError
from tests.gateway.aliases.asking import anybody, ask, make_alias, plan

RULE = Rule(failures=3, seconds=30)
UNAVAILABLE = ProviderError("unavailable", "It is down.", retryable=True)


@pytest.fixture
def elsewhere() -> Health:
    """Another process."""
    return Health()


@pytest.fixture
def cut_off(settings) -> Health:
    """A process that does not reach Valkey."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    return Health()


def knows(process: Health, one: str, *, seconds: float = 4) -> bool:
    """Whether a process comes to know in time that one rests."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.rests(one):
            return True
        time.sleep(0.02)
    return False


def fail(process: Health, one: str, times: int, error: ProviderError = UNAVAILABLE, rule: Rule = RULE) -> None:
    for _ in range(times):
        process.failed(one, error, rule)
    process.settle()


def test_enough_failures_in_a_row_have_it_rest_in_every_process(elsewhere):
    one = anybody()
    fail(health, one, 2)
    assert not health.rests(one)
    fail(health, one, 1)
    assert health.rests(one)
    assert knows(elsewhere, one)


def test_failures_are_counted_over_all_processes(elsewhere):
    one = anybody()
    fail(health, one, 2)
    fail(elsewhere, one, 1)
    assert elsewhere.rests(one)
    assert knows(health, one)


def test_an_answer_between_them_ends_the_row():
    one = anybody()
    fail(health, one, 2)
    health.succeeded(one)
    fail(health, one, 2)
    assert not health.rests(one)


def test_it_is_asked_again_after_its_rest():
    one = anybody()
    fail(health, one, 1, rule=Rule(failures=1, seconds=0.2))
    assert health.rests(one)
    time.sleep(0.25)
    assert not health.rests(one)


def test_after_a_rest_a_single_failure_more_is_enough(elsewhere):
    one = anybody()
    fail(health, one, 3, rule=Rule(failures=3, seconds=0.2))
    time.sleep(0.25)
    fail(elsewhere, one, 1)
    assert elsewhere.rests(one)


@pytest.mark.parametrize("code", ["authentication", "quota", "permission", "not_found"])
def test_what_does_not_mend_itself_has_it_rest_at_once(code):
    one = anybody()
    fail(health, one, 1, ProviderError(code, "No."))
    assert health.rests(one)


def test_a_provider_that_says_when_to_come_back_is_left_alone_until_then():
    one = anybody()
    fail(health, one, 1, ProviderError("rate_limit", "Slow down.", retryable=True, retry_after=120))
    rest = health.resting([one])[one]
    assert 115 < rest.until - time.time() <= 120
    assert rest.code == "rate_limit"


@pytest.mark.parametrize("code", ["invalid_request", "context_length", "content_filter", "canceled_upstream"])
def test_what_is_the_callers_own_fault_says_nothing_about_it(code):
    one = anybody()
    fail(health, one, 9, ProviderError(code, "No."))
    assert not health.rests(one)


def test_a_name_may_have_nobody_rest():
    one = anybody()
    fail(health, one, 9, rule=Rule(failures=0, seconds=30))
    assert not health.rests(one)


def test_a_person_can_wake_it(elsewhere):
    one = anybody()
    fail(health, one, 3)
    assert knows(elsewhere, one)
    health.wake([one])
    assert not health.rests(one)
    assert not health.resting([one])
    fail(health, one, 2)
    assert not health.rests(one)


def test_without_valkey_a_process_goes_by_what_it_sees_itself(cut_off):
    one = anybody()
    fail(cut_off, one, 3)
    assert cut_off.rests(one)
    assert one in cut_off.resting([one])
    cut_off.wake([one])
    assert not cut_off.rests(one)


def test_asking_waits_for_nobody_while_valkey_is_away(cut_off):
    began = time.perf_counter()
    for _ in range(1000):
        cut_off.rests("anything")
    assert time.perf_counter() - began < 0.5


@pytest.mark.django_db
def test_requests_go_past_a_resting_model(openai, workspace):
    openai.script("plain", status=503)
    make_alias(workspace, "plain", "whole=1", weight=1000, failures_to_rest=2)
    asked = [ask(workspace).asked for _ in range(4)]
    assert asked[:2] == [["plain", "whole"]] * 2
    assert asked[2:] == [["whole"]] * 2


@pytest.mark.django_db
def test_a_model_that_rests_is_asked_when_nobody_else_answers(openai, workspace):
    make_alias(workspace, "plain", "error-500", max_attempts=1)
    fail(health, _id(workspace, "openai/plain"), 3)
    assert plan(workspace).target.model == "error-500"
    assert ask(workspace).asked == ["error-500", "plain"]


@pytest.mark.django_db
def test_a_model_alone_never_rests(openai, workspace):
    make_alias(workspace, "error-503", max_attempts=1)
    for _ in range(4):
        ask(workspace)
    assert not health.rests(_id(workspace, "openai/error-503"))


@pytest.mark.django_db
def test_another_key_is_another_deployment(openai, workspace, monkeypatch):
    make_alias(workspace, "plain", "whole")
    before = _id(workspace, "openai/plain")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-one")
    make_alias(workspace, "plain", "whole", name="again")
    assert _id(workspace, "openai/plain", "again") != before


def _id(workspace, path: str, name: str = "smart") -> str:
    alias = plan(workspace, name).alias
    assert alias is not None
    return next(place.health_id for place in alias.places if place.path == path)
