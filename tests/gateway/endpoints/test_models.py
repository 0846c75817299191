"""Which models a key is offered, as clients of OpenAI's list read them."""

import pytest

from gateway.models import ModelAlias, ModelEntry
from tests.programs import client_of, make_token


@pytest.fixture
def listed(caller) -> dict[str, dict]:
    """The list, by id."""
    answer = caller.get("/v1/models")
    assert answer.status_code == 200
    assert answer.json()["object"] == "list"
    return {model["id"]: model for model in answer.json()["data"]}


@pytest.fixture
def alias(alice) -> str:
    ModelAlias.objects.create(workspace=alice.workspaces.get(), name="quick", path="openai/plain")
    return "quick"


def test_models_are_listed_by_their_path(listed):
    model = listed["openai/plain"]
    assert (model["object"], model["owned_by"], model["name"]) == ("model", "openai", "plain")
    assert isinstance(model["created"], int)


def test_a_short_name_is_listed_with_what_it_stands_for(alias, listed):
    assert listed[alias]["stands_for"] == "openai/plain"
    assert listed[alias]["owned_by"] == "openai"


@pytest.mark.parametrize("name", ["openai/plain", "openai%2Fplain", "plain", "quick"])
def test_one_model_is_found_by_path_bare_name_and_short_name(alias, caller, name):
    answer = caller.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json().get("id")) == (200, name.replace("%2F", "/"))


def test_a_model_that_is_not_there_is_a_404_in_openais_shape(caller):
    answer = caller.get("/v1/models/openai/no-such")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["param"], error["type"]) == ("model_not_found", "model", "invalid_request_error")


def test_a_key_for_some_models_is_offered_those_alone(asking_server, transactional_db, fake_provider, alice):
    with client_of(asking_server, make_token(alice, scopes=["chat"], models=["openai/pla*"])) as caller:
        assert [model["id"] for model in caller.get("/v1/models").json()["data"]] == ["openai/plain"]
        assert caller.get("/v1/models/openai/tools").status_code == 404


def test_what_is_kept_for_owners_is_not_offered_to_members(asking_server, transactional_db, fake_provider, alice, bob):
    ModelEntry.objects.create(workspace=alice.workspaces.get(), path="openai/tools", roles=["owner"])
    with client_of(asking_server, make_token(bob, scopes=["chat"])) as caller:
        offered = {model["id"] for model in caller.get("/v1/models").json()["data"]}
        assert "openai/plain" in offered
        assert "openai/tools" not in offered
        assert caller.get("/v1/models/openai/tools").status_code == 404
