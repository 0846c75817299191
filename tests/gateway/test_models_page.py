"""The catalogue: what an admin says of models, and what becomes of it wherever one is chosen."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry
from gateway import catalogue, sources
from gateway.models import ModelAlias, ModelEntry, Provider
from gateway.protocol import ProviderError

pytestmark = pytest.mark.django_db

PAGE = "/settings/models/"
ROLES = ["owner", "admin", "member"]


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def provider(workspace) -> Provider:
    return make(workspace, ["gpt-4o", "small", "large"])


def make(workspace, names: list[str], **fields) -> Provider:
    made = Provider.objects.create(
        workspace=workspace, model_names=names, **{"name": "work", "kind": "openai", "api_key": "sk-0123456789abc", **fields}
    )
    sources.forget()
    return made


def say(client: Client, path: str, **given):
    data = {"label": "", "is_shown": "on", "roles": ROLES, **given}
    data = {name: value for name, value in data.items() if value is not None}
    return client.post(f"{reverse('gateway:model')}?path={path}", data)


def choice_of(workspace, path: str) -> catalogue.ModelChoice:
    return next(choice for choice in catalogue.models(workspace.id) if choice.path == path)


def test_it_lists_every_model_with_what_is_known_of_it(client, provider):
    page = client.get(PAGE).content.decode()
    assert "work/gpt-4o" in page
    assert "128,000 tokens" in page
    assert "$2.50 in, $10 out per million" in page
    assert "Sees pictures" in page


def test_it_is_searched_by_words_and_by_provider(client, workspace, provider):
    make(workspace, ["small"], name="other")
    page = client.get(PAGE, {"q": "SMALL other"}).content.decode()
    assert 'aria-label="other/small"' in page
    assert 'aria-label="work/small"' not in page
    page = client.get(PAGE, {"provider": "work"}).content.decode()
    assert 'aria-label="other/small"' not in page
    assert "No model is called so" in client.get(PAGE, {"q": "nothing"}).content.decode()


def test_it_is_paged_and_a_page_of_fifty_costs_what_one_of_ten_costs(client, workspace):
    make(workspace, [f"model-{number:03}" for number in range(10)])
    client.get(PAGE)
    counts, page = [], ""
    for size in (10, 120):
        Provider.objects.update(model_names=[f"model-{number:03}" for number in range(size)])
        sources.forget()
        with CaptureQueriesContext(connection) as seen:
            page = client.get(PAGE).content.decode()
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert "work/model-049" in page
    assert "work/model-050" not in page
    second = client.get(PAGE, {"after": "work/model-049"}).content.decode()
    assert "work/model-050" in second
    assert "work/model-099" in second
    assert "after=work%2Fmodel-099" in second


def test_a_hidden_model_is_not_offered_and_can_still_be_shown_again(client, workspace, provider):
    client.post(reverse("gateway:show_model"), {"path": "work/small", "is_hidden": "yes"})
    assert "work/small" not in [choice.path for choice in catalogue.models(workspace.id)]
    assert "Hidden" in client.get(PAGE).content.decode()
    line = client.post(
        reverse("gateway:show_model"), {"path": "work/small", "is_hidden": "no"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in line
    assert "work/small" in [choice.path for choice in catalogue.models(workspace.id)]


def test_a_label_abilities_and_a_window_take_the_place_of_what_is_listed(client, workspace, provider):
    answer = say(client, "work/small", label="The small one", has_vision="yes", has_tools="no", context_window="9000")
    assert answer.status_code == 302
    found = choice_of(workspace, "work/small")
    assert (found.label, found.has_vision, found.has_tools, found.has_reasoning) == ("The small one", True, False, None)
    target = catalogue.resolve("work/small", workspace_id=workspace.id)
    assert catalogue.context_window(target) == 9000
    assert catalogue.abilities(target).tools is False
    assert [entry.action for entry in AuditEntry.objects.all()] == ["models.changed"]


def test_a_model_must_be_left_to_somebody(client, provider):
    answer = say(client, "work/small", roles=[])
    assert answer.status_code == 422
    assert "Choose at least one role" in answer.content.decode()
    assert not ModelEntry.objects.exists()


def test_a_short_name_leads_wherever_a_model_is_chosen(client, workspace, provider):
    client.post(reverse("gateway:add_alias"), {"name": "fast", "path": "work/small"})
    assert catalogue.resolve("fast", workspace_id=workspace.id).path == "work/small"
    assert choice_of(workspace, "fast").stands_for == "work/small"
    client.post(reverse("gateway:add_alias"), {"name": "fast", "path": "work/large"})
    assert catalogue.resolve("fast", workspace_id=workspace.id).path == "work/large"
    client.post(reverse("gateway:delete_alias", args=[ModelAlias.objects.get().id]))
    with pytest.raises(ProviderError):
        catalogue.resolve("fast", workspace_id=workspace.id)


@pytest.mark.parametrize(
    ("name", "path"), [("Fast One", "work/small"), ("fast", "nowhere/x"), ("fast", "quick"), ("", "work/small")]
)
def test_a_short_name_that_leads_nowhere_is_refused(client, workspace, provider, name, path):
    ModelAlias.objects.create(workspace=workspace, name="quick", path="work/small")
    sources.forget()
    assert client.post(reverse("gateway:add_alias"), {"name": name, "path": path}).status_code == 422
    assert ModelAlias.objects.count() == 1


def test_a_short_name_whose_provider_is_gone_is_marked_and_not_offered(client, workspace, provider):
    ModelAlias.objects.create(workspace=workspace, name="fast", path="work/small")
    provider.delete()
    sources.forget()
    assert "Leads nowhere" in client.get(PAGE).content.decode()
    assert catalogue.models(workspace.id) == []


def test_the_workspace_says_what_new_chats_begin_with(client, workspace, provider):
    chosen = {"default_path": "work/large", "title_path": "work/small", "who_may_type": "everyone"}
    client.post(reverse("gateway:choose_models"), chosen)
    assert catalogue.default_path(workspace.id) == "work/large"
    assert catalogue.title_path(workspace.id) == "work/small"
    assert 'value="work/large"' in client.get(PAGE).content.decode()
    answer = client.post(reverse("gateway:choose_models"), {**chosen, "default_path": "nowhere/x"})
    assert answer.status_code == 422
    assert catalogue.default_path(workspace.id) == "work/large"


def test_a_default_whose_provider_is_gone_gives_way(client, workspace, provider, monkeypatch):
    client.post(reverse("gateway:choose_models"), {"default_path": "work/large", "who_may_type": "everyone"})
    monkeypatch.setenv("GROQ_API_KEY", "gsk-of-the-machine-0123")
    provider.delete()
    sources.forget()
    assert catalogue.default_path(workspace.id).startswith("groq/")


def test_titles_are_found_by_the_cheapest_whose_price_is_known(workspace):
    make(workspace, ["gpt-4o", "gpt-4o-mini", "unheard-of"], name="openai")
    assert catalogue.title_path(workspace.id) == "openai/gpt-4o-mini"


def test_without_prices_titles_are_left_to_the_chats_own_model(workspace):
    make(workspace, ["unheard-of"])
    assert catalogue.title_path(workspace.id) == ""


def test_the_picker_loads_the_list_once(client, workspace, provider, bob):
    answer = client.get(reverse("gateway:picker"))
    models = {model["path"]: model for model in json.loads(answer.content)["models"]}
    assert models["work/gpt-4o"] == {
        "path": "work/gpt-4o",
        "label": "gpt-4o",
        "provider": "work",
        "vision": "yes",
        "tools": "yes",
        "reasoning": "no",
        "window": 128_000,
        "price": "$2.50 in, $10 out",
    }
    again = client.get(reverse("gateway:picker"), headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    client.post(reverse("gateway:show_model"), {"path": "work/small", "is_hidden": "yes"})
    assert client.get(reverse("gateway:picker"), headers={"If-None-Match": answer["ETag"]}).status_code == 200


def test_the_picker_of_anothers_workspace_is_not_there(workspace, provider, charlie):
    stranger = Client()
    stranger.force_login(charlie)
    assert stranger.get(reverse("gateway:picker"), {"workspace": str(workspace.id)}).status_code == 404
    assert stranger.get(reverse("gateway:picker"), {"workspace": "nonsense"}).status_code == 404
    assert json.loads(stranger.get(reverse("gateway:picker")).content) == {"models": []}


def test_a_page_carries_a_few_of_two_thousand_models_and_the_selected_one(client, workspace):
    make(workspace, [f"model-{number:04}" for number in range(2000)])
    short = catalogue.shortlist(workspace.id, "owner", selected="work/model-1999")
    assert len(short) <= 62
    assert (short[0].path, short[0].provider) == ("work/model-1999", "This chat")
    page = client.get("/").content.decode()
    assert page.count("work/model-") < 100
    assert len(json.loads(client.get(reverse("gateway:picker")).content)["models"]) == 2000


def test_names_of_models_are_escaped(client, workspace):
    make(workspace, ['<img/src=x>"'])
    for page in (client.get(PAGE), client.get("/")):
        assert "<img/src=x>" not in page.content.decode()
