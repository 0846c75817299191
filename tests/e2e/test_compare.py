"""Stories of comparing: one prompt, several models side by side, and the one that the chat goes on with."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from chat.models import Message
from tests.chat.browser import wait_for
from tests.e2e.axe import SCHEMES, violations
from tests.e2e.test_chat import ask
from tests.fakes.fixtures import RunningProvider


def offer(page: Page, *models: str) -> None:
    """Choose models beside the picker's."""
    page.get_by_role("button", name="Compare models").click()
    for number, model in enumerate(models):
        if number:
            page.get_by_role("button", name="Model", exact=True).click()
        select = page.locator(".compare-model select").nth(number)
        select.evaluate("(one, path) => { one.add(new Option(path, path)); one.value = path; }", model)
        select.dispatch_event("change")


def columns(page: Page):
    return page.locator(".columns .column")


@pytest.fixture
def compared(sign_in: Callable[..., Page], alice, fake_provider: RunningProvider) -> Page:
    fake_provider.script("*", chunks=["An answer ", "of the first."])
    fake_provider.script("second", chunks=["An answer ", "of the second."])
    page: Page = sign_in(alice)
    offer(page, "openai/second")
    ask(page, "Who are you?")
    expect(columns(page)).to_have_count(2)
    expect(page.locator(".column article[data-status=complete]")).to_have_count(2)
    return page


def test_two_models_answer_side_by_side_and_the_chosen_one_goes_on(compared: Page, fake_provider: RunningProvider):
    expect(columns(compared).nth(0)).to_contain_text("of the first.")
    expect(columns(compared).nth(1)).to_contain_text("of the second.")
    expect(columns(compared).nth(0)).to_contain_text("The chat goes on with this one")

    compared.get_by_role("button", name="Continue with this one").click()
    expect(columns(compared).nth(1)).to_contain_text("The chat goes on with this one")
    compared.reload()
    expect(columns(compared).nth(1)).to_contain_text("The chat goes on with this one")
    compared.get_by_role("button", name="Compare models")
    ask(compared, "Go on")

    expect(compared.locator("article.user")).to_have_count(2)
    wait_for(lambda: Message.objects.filter(content="Go on").exists())
    assert Message.objects.get(content="Go on").parent.content == "An answer of the second."


def test_each_column_streams_and_stops_by_itself(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=[f"word{n} " for n in range(400)], rate=20)
    page = sign_in(alice)
    offer(page, "openai/second", "openai/third")
    ask(page, "Count")
    for number in range(3):
        expect(columns(page).nth(number)).to_contain_text("word5")

    page.get_by_role("button", name="Stop openai/second").click()

    expect(columns(page).nth(1).locator("article[data-status=canceled]")).to_be_visible(timeout=10_000)
    expect(page.locator("article[data-status=streaming]")).to_have_count(2)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("article[data-status=canceled]")).to_have_count(3, timeout=10_000)


def test_one_that_fails_is_retried_while_the_others_stand(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["Fine."])
    fake_provider.script("second", status=401, times=1)
    page = sign_in(alice)
    offer(page, "openai/second", "nobody/nothing")
    ask(page, "Hello")
    expect(columns(page)).to_have_count(3)
    expect(columns(page).nth(0)).to_contain_text("Fine.")
    expect(columns(page).nth(2).get_by_role("alert")).to_be_visible()

    columns(page).nth(1).get_by_role("button", name="Retry").click()

    expect(columns(page).nth(1).locator("article[data-status=complete]")).to_contain_text("Fine.")
    expect(columns(page)).to_have_count(3)
    expect(columns(page).nth(0)).to_contain_text("The chat goes on with this one")


def test_a_reply_that_is_there_is_compared_with_another_model(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["The one."])
    page = sign_in(alice)
    ask(page, "Hello")
    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible()
    page.get_by_role("button", name="Regenerate with another model").click()
    page.get_by_text("Side by side").click()
    page.locator("#again-menu [data-model]").first.click()

    expect(columns(page)).to_have_count(2)
    expect(page.locator(".column article[data-status=complete]")).to_have_count(2)


def test_a_second_tab_sees_the_columns(sign_in, compared: Page, fake_provider: RunningProvider):
    other = sign_in.tab(compared.context, compared.url)
    compared.get_by_role("button", name="Compare models")
    ask(compared, "And now?")
    expect(other.locator("article.user")).to_have_count(2)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_columns_fit(compared: Page, width: int, scheme: Literal["light", "dark"]):
    compared.set_viewport_size({"width": width, "height": 800})
    compared.emulate_media(color_scheme=scheme)
    assert compared.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(compared) == []
