"""The stories of whole chats: found again, renamed, pinned, archived, deleted and brought back, or never kept."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from chat.models import Conversation
from tests.chat.browser import wait_for
from tests.e2e.axe import SCHEMES, violations
from tests.fakes.fixtures import RunningProvider


@pytest.fixture
def make(alice, workspace, server):
    """A conversation of Alice's with one turn."""

    def make_one(title: str, said: str = "Nothing of note", **fields) -> Conversation:
        conversation = Conversation.objects.create(owner=alice, workspace=workspace, title=title, **fields)
        prompt = conversation.messages.create(role="user", content=f"About {title}?", position=1)
        conversation.messages.create(role="assistant", parent=prompt, content=said, position=2, model="openai/plain")
        return conversation

    return make_one


def ask(page: Page, prompt: str) -> None:
    page.locator("#prompt").fill(prompt)
    page.get_by_role("button", name="Send", exact=True).click()


def row(page: Page, conversation: Conversation):
    return page.locator(f"#row-{conversation.id}")


def open_menu(page: Page, conversation: Conversation):
    row(page, conversation).hover()
    page.locator(f"#more-{conversation.id}").click()
    return page.locator("#row-menu")


def rows(page: Page) -> list[str]:
    return page.locator("#conversations a[data-conversation]").all_inner_texts()


def test_a_deleted_chat_comes_back_by_undo_in_another_tab_too(sign_in, make):
    kept, gone = make("Kept"), make("Slip of the finger")
    first = sign_in(kept.owner, f"/c/{kept.id}/")
    second = sign_in.tab(first.context, "/")

    open_menu(first, gone).get_by_role("menuitem", name="Delete").click()
    for page in (first, second):
        expect(row(page, gone)).to_have_count(0)
        expect(page.locator("#toast")).to_contain_text("Deleted “Slip of the finger”")
    second.get_by_role("button", name="Undo").click()

    for page in (first, second):
        expect(row(page, gone)).to_be_visible()
        expect(page.locator("#toast form")).to_have_count(0)
    assert Conversation.objects.filter(deleted_at=None).count() == 2


def test_deleting_the_open_chat_leads_home_and_undo_leads_back(sign_in, make):
    gone = make("Open one")
    page = sign_in(gone.owner, f"/c/{gone.id}/")
    page.get_by_role("button", name="More for this chat").click()
    page.locator("#conversation-menu").get_by_role("menuitem", name="Delete").click()

    expect(page).to_have_url(re.compile(r":\d+/$"))
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"/c/{gone.id}/$"))
    expect(page.locator("article.assistant")).to_contain_text("Nothing of note")


def test_a_search_lands_on_the_message_in_another_branch_far_up(sign_in, make):
    """Among 240 messages, in a branch that is not the shown one."""
    chat = make("A long one")
    other = make("Elsewhere")
    parent = chat.messages.get(position=2)
    fork, position = parent, 2
    for n in range(120):
        position += 2
        prompt = chat.messages.create(parent=parent, role="user", content=f"Question {n}", position=position)
        parent = chat.messages.create(parent=prompt, role="assistant", content=f"Answer {n}. " * 30, position=position + 1)
    hidden = end = chat.messages.create(parent=fork, role="user", content="The aardvark question", position=position + 2)
    for n in range(120):
        role = "user" if n % 2 else "assistant"
        end = chat.messages.create(parent=end, role=role, content=f"Hidden {n}. " * 30, position=position + 3 + n)
    chat.active_leaf = parent
    chat.save()
    page = sign_in(chat.owner, f"/c/{other.id}/")

    page.keyboard.press("Control+k")
    page.keyboard.type("aardv")
    expect(page.locator("a.hit mark")).to_have_text("aardvark")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"/c/{chat.id}/"))
    landed = page.locator(f"#message-{hidden.id}")
    expect(landed).to_be_in_viewport()
    expect(landed).to_be_focused()
    expect(landed).to_contain_text("aardvark")
    page.wait_for_timeout(500)
    expect(landed).to_be_in_viewport()


def test_a_hit_in_the_open_chat_scrolls_there_and_stays(sign_in, make):
    chat = make("The open one", said="The **quokka** lives on an island.")
    page = sign_in(chat.owner, f"/c/{chat.id}/")
    page.evaluate("window.isSamePage = true")

    page.locator("#open-search").click()
    page.locator("#search-words").fill("quokka")
    page.locator("a.hit").click()

    expect(page.locator("#search")).not_to_be_visible()
    expect(page.locator("article.assistant")).to_be_focused()
    assert page.evaluate("window.isSamePage")


def test_a_chat_is_renamed_pinned_and_archived(sign_in, make):
    old, new = make("Old subject", updated_at=timezone.now() - timedelta(days=60)), make("New subject")
    page = sign_in(old.owner, f"/c/{old.id}/")
    assert rows(page) == ["New subject", "Old subject"]

    page.locator("#conversation-title").click()
    page.locator("#rename-title").fill("A better title")
    page.keyboard.press("Enter")
    expect(page.locator("#conversation-title")).to_have_text("A better title")
    expect(page).to_have_title("A better title – Ollive")

    open_menu(page, old).get_by_role("menuitem", name="Pin").click()
    expect(page.locator('[data-label="Pinned"] a')).to_have_text("A better title")
    assert rows(page) == ["A better title", "New subject"]

    open_menu(page, new).get_by_role("menuitem", name="Archive").click()
    expect(row(page, new)).to_have_count(0)
    page.goto("/archive/")
    page.get_by_role("button", name="Restore “New subject”").click()
    expect(page.get_by_text("Nothing is archived")).to_be_visible()
    page.goto("/")
    expect(row(page, new)).to_be_visible()
    old.refresh_from_db()
    assert old.title_source == "person"


def test_an_empty_title_is_told_and_nothing_is_lost(sign_in, make):
    chat = make("Kept title")
    page = sign_in(chat.owner, f"/c/{chat.id}/")
    page.locator("#conversation-title").click()
    page.locator("#rename-title").fill("   ")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("at least one character")
    page.keyboard.press("Escape")
    expect(page.locator("#conversation-title")).to_have_text("Kept title")


def test_the_list_is_used_by_keyboard_alone(sign_in, make):
    first, second = make("First"), make("Second")
    page = sign_in(first.owner)
    page.locator(f"#conversation-{second.id}").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#conversation-{first.id}")).to_be_focused()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#row-menu [data-act=rename]")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#row-menu [data-act=pin]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(f"#more-{first.id}")).to_be_focused()

    page.keyboard.press("Shift+Tab")
    page.keyboard.press("F2")
    expect(page.locator("#rename-title")).to_be_focused()
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    expect(row(page, first)).to_contain_text("Renamed")
    expect(page.locator(f"#more-{first.id}")).to_be_focused()

    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Delete")
    expect(row(page, first)).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#toast form")).to_have_count(0)
    expect(page.locator(f"#conversation-{second.id}")).to_be_focused()


def test_a_temporary_chat_is_marked_listed_nowhere_and_ended(sign_in, alice, server, fake_provider: RunningProvider):
    page = sign_in(alice)
    page.get_by_role("switch", name="Temporary chat").check()
    expect(page.get_by_text("will not be listed")).to_be_visible()
    ask(page, "A passing thought")
    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible()
    expect(page.locator(".mark-temporary")).to_be_visible()
    expect(page.locator("#conversations a[data-conversation]")).to_have_count(0)
    page.reload()
    expect(page.locator("article.user")).to_contain_text("A passing thought")

    page.get_by_role("button", name="More for this chat").click()
    page.get_by_role("menuitem", name="End and delete").click()

    expect(page).to_have_url(re.compile(r":\d+/$"))
    wait_for(lambda: not Conversation.objects.exists())


def test_a_new_chat_and_what_it_costs_appear_as_it_goes(sign_in, alice, server, make, fake_provider: RunningProvider):
    yesterday = make("Yesterday's", updated_at=timezone.now() - timedelta(days=1))
    page = sign_in(alice)
    other = sign_in.tab(page.context, "/")
    ask(page, "Something new")
    expect(page.locator("article.assistant[data-status=complete]")).to_be_visible()

    for tab in (page, other):
        expect(tab.locator('[data-label="Today"] a')).to_have_text("Something new")
    expect(page.locator("#conversation-menu-button")).to_be_visible()
    expect(page.locator("#spent")).to_contain_text(re.compile(r"\$|unpriced"))

    page.locator(f"#conversation-{yesterday.id}").click()
    ask(page, "And again")
    expect(page.locator("article.assistant[data-status=complete]")).to_have_count(2)
    for tab in (page, other):
        expect(tab.locator('[data-label="Today"] a').first).to_have_text("Yesterday's")
        expect(tab.locator(f"#row-{yesterday.id}")).to_have_count(1)


def test_the_bar_sums_all_branches(sign_in, make):
    chat = make("Costly")
    prompt = chat.messages.get(position=1)
    for n, cost in enumerate(("0.01", "0.002", None)):
        chat.messages.create(
            role="assistant",
            parent=prompt,
            status="canceled" if n == 1 else "complete",
            content="x",
            position=3 + n,
            cost_usd=Decimal(cost) if cost else None,
            completion_tokens=3,
            usage_source="provider",
        )
    page = sign_in(chat.owner, f"/c/{chat.id}/")
    expect(page.locator("#spent")).to_have_text(re.compile(r"\$0\.012\s*1 unpriced"))


def test_everything_is_reachable_on_a_phone(sign_in, make):
    chat = make("On the road", said="A word")
    page = sign_in(chat.owner, f"/c/{chat.id}/", width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Open the list of chats").click()
    open_menu(page, chat).get_by_role("menuitem", name="Pin").click()
    expect(page.locator('[data-label="Pinned"] a')).to_be_visible()
    page.locator("#open-search").click()
    page.locator("#search-words").fill("word")
    expect(page.locator("a.hit")).to_be_visible()
    box = page.locator("a.hit").bounding_box()
    assert box
    assert box["x"] + box["width"] <= 390
    page.get_by_role("button", name="Close the search").click()
    page.get_by_role("button", name="More for this chat").click()
    expect(page.locator("#conversation-menu").get_by_role("menuitem", name="Archive")).to_be_in_viewport()
    page.goto("/archive/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(sign_in, make, scheme):
    chat, shelved = make("Open"), make("Shelved", archived_at=timezone.now())
    page = sign_in(chat.owner, f"/c/{chat.id}/")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    checks = {  # what is done, and what is there once it is done
        "list": (lambda: None, f"#row-{chat.id}"),
        "row menu": (lambda: open_menu(page, chat), "#row-menu"),
        "toast": (
            lambda: (page.locator("#row-menu [data-act=delete]").click(), page.wait_for_url(lambda url: "/c/" not in url)),
            "#undo:focus",
        ),
        "temporary": (lambda: page.get_by_role("switch", name="Temporary chat").check(), "text=will not be listed"),
        "archive": (lambda: page.goto("/archive/"), "text=Shelved"),
        "archived chat": (lambda: page.goto(f"/c/{shelved.id}/"), "article.assistant"),
        "bar's menu": (lambda: page.locator("#conversation-menu-button").click(), "#conversation-menu"),
        "search page": (lambda: page.goto("/search/?q=note"), "mark"),
        "search": (lambda: (page.goto("/"), page.keyboard.press("Control+k"), page.keyboard.type("note")), "a.hit mark"),
    }
    for name, (do, shown) in checks.items():
        do()
        expect(page.locator(shown).first).to_be_visible()
        assert violations(page) == [], name
