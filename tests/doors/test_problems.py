"""Errors under /api/v1, whatever went wrong; and who may come with a session in the place of a key."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.models import Membership
from chat.models import Conversation
from telemetry import reading
from tests.people import join, make_person
from tests.programs import make_token


def keyed(user: Any, *scopes: str) -> Client:
    return Client(headers={"authorization": f"Bearer {make_token(user, scopes=list(scopes))}"})


def problem(answer: Any) -> tuple[int, str]:
    """Its status and code; that it is a problem, and says the same in its body, is looked at."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == "about:blank"
    assert told["title"]
    assert told["detail"]
    return answer.status_code, told["code"]


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/nothing", "/api/v1/logs/a/b/c", "/api/v1/conversations/x/y"])
def test_an_address_that_is_not_there_is_a_problem(client: Client, db, path):
    assert problem(client.get(path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/v1/logs", "GET"),
        ("PUT", "/api/v1/conversations", "GET, POST"),
        ("DELETE", "/api/v1/conversations/0193f0a26f7b7c119d3e2a51c0de4f10/messages", "GET, POST"),  # of a route and of a door
        ("GET", "/api/v1/conversations/0193f0a26f7b7c119d3e2a51c0de4f10/cancel", "POST"),  # of a door alone
    ],
)
def test_another_method_is_a_problem_that_names_all_of_them(client: Client, db, method, path, allowed):
    answer = client.generic(method, path)
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("body", ["{", "[NaN]", '{"title": "\\ud800"}', ""])
def test_what_is_no_json_is_refused(alice, body):
    answer = keyed(alice, "chat").post("/api/v1/conversations", body, content_type="application/json")
    assert problem(answer)[0] in {400, 422}


def test_a_nul_is_stored_as_what_it_can_be(alice):
    answer = keyed(alice, "chat").post("/api/v1/conversations", '{"title": "a\\u0000b"}', content_type="application/json")
    assert answer.status_code == 201
    assert Conversation.objects.get().title == "a\ufffdb"


def test_a_missing_key_is_told_how_to_come(client: Client, db):
    answer = client.get("/api/v1/logs")
    assert problem(answer) == (401, "invalid_api_key")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer olv_mistyped", "Basic YWxpY2U6c2VjcmV0", "Bearer", "Bearer " + "x" * 10_000, "olv_"])
def test_what_is_no_key_opens_nothing(client: Client, db, header):
    assert problem(client.get("/api/v1/logs", headers={"authorization": header})) == (401, "invalid_api_key")


def test_a_broken_route_tells_nothing_of_itself(alice, monkeypatch):
    def fail(*_: Any) -> Any:
        raise RuntimeError("the secret plan")

    monkeypatch.setattr(reading, "narrowed", fail)
    answer = keyed(alice, "logs:read").get("/api/v1/logs")
    assert problem(answer) == (500, "server_error")
    assert "secret" not in answer.content.decode()


def test_without_the_database_a_program_is_told_to_come_again(alice, monkeypatch):
    def fail(*_: Any) -> Any:
        raise OperationalError("the server is away")

    monkeypatch.setattr(reading, "narrowed", fail)
    answer = keyed(alice, "logs:read").get("/api/v1/logs")
    assert problem(answer) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.fixture
def page(alice) -> Client:
    """Alice's browser at /docs, with the token that the page holds."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    held = browser.get("/docs")
    browser.defaults["HTTP_X_CSRFTOKEN"] = str(held.context["csrf_token"])
    return browser


def test_who_is_signed_in_tries_routes_with_the_pages_token(page):
    assert page.get("/api/v1/logs").status_code == 200
    made = page.post("/api/v1/conversations", {"title": "Tried out"}, content_type="application/json")
    assert made.status_code == 201
    assert Conversation.objects.get().title == "Tried out"


def test_a_session_without_the_pages_token_opens_nothing(page, alice):
    token = page.defaults.pop("HTTP_X_CSRFTOKEN")
    assert problem(page.get("/api/v1/logs")) == (401, "invalid_api_key")
    wrong = token[::-1]
    answer = page.post("/api/v1/conversations", {"title": "No"}, content_type="application/json", headers={"x-csrftoken": wrong})
    assert problem(answer) == (403, "csrf")
    assert not Conversation.objects.exists()


def test_a_session_may_what_its_persons_role_allows(workspace):
    viewer = join(make_person("Victor"), workspace, Membership.Role.VIEWER)
    browser = Client()
    browser.force_login(viewer)
    token = {"x-csrftoken": str(browser.get("/docs").context["csrf_token"])}
    assert browser.get("/api/v1/logs", headers=token).status_code == 200
    made = browser.post("/api/v1/conversations", {}, content_type="application/json", headers=token)
    assert problem(made) == (403, "missing_scope")


def test_a_key_counts_before_a_session(page, bob):
    answer = page.get("/api/v1/logs", headers={"authorization": f"Bearer {make_token(bob, scopes=['ingest'])}"})
    assert problem(answer) == (403, "missing_scope")
