"""Stories of branches: asking anew, editing, switching, going on, and scrolling up in a long chat."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from chat.models import Conversation, Message
from tests.chat.browser import wait_for
from tests.chat.seeds import long_chat
from tests.e2e.axe import violations_in_both_themes
from tests.e2e.test_chat import ask
from tests.fakes.fixtures import RunningProvider


def complete(page: Page) -> Locator:
    return page.locator("article.assistant[data-status=complete]")


def switch(page: Page, within: str) -> Locator:
    return page.locator(f"{within} .versions").last


@pytest.fixture
def asked(sign_in: Callable[..., Page], alice, fake_provider: RunningProvider) -> Page:
    """A chat of one turn."""
    fake_provider.script("*", chunks=["The first ", "answer."])
    page: Page = sign_in(alice)
    ask(page, "What is a lemma?")
    expect(complete(page)).to_contain_text("The first answer.")
    return page


def edit(page: Page, text: str) -> None:
    page.get_by_role("button", name="Edit message").last.click()
    page.locator(".editor textarea").fill(text)
    page.get_by_role("button", name="Save & send").click()


def test_a_prompt_is_edited_and_both_branches_stay(asked: Page, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["The second ", "answer."])
    edit(asked, "What is a theorem?")
    expect(complete(asked)).to_contain_text("The second answer.")
    expect(asked.locator("article.user")).to_have_count(1)
    expect(switch(asked, "article.user")).to_contain_text("2/2")

    button = asked.locator("article.user").get_by_role("button", name="Previous version")
    button.focus()
    asked.keyboard.press("Enter")
    expect(asked.locator("article.user .body")).to_contain_text("What is a lemma?")
    expect(complete(asked)).to_contain_text("The first answer.")
    expect(asked.locator("article.user [data-step=previous]")).to_be_focused()

    asked.reload()
    expect(asked.locator("article.user .body")).to_contain_text("What is a lemma?")
    ask(asked, "And then?")
    expect(complete(asked)).to_have_count(2)
    said = [message["content"] for message in fake_provider.last.body["messages"]]
    assert said == ["What is a lemma?", "The first answer.", "And then?"]
    assert Message.objects.count() == 6


def test_a_reply_is_regenerated_and_the_switch_leads_back(asked: Page, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["Another ", "answer."])
    asked.get_by_role("button", name="Regenerate", exact=True).click()
    expect(complete(asked)).to_contain_text("Another answer.")
    expect(asked.locator("article.assistant")).to_have_count(1)

    asked.get_by_role("button", name="Previous version").click()

    expect(complete(asked)).to_contain_text("The first answer.")
    expect(switch(asked, "article.assistant")).to_contain_text("1/2")


def test_a_reply_streams_on_while_another_branch_is_shown(asked: Page, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=[f"word{n} " for n in range(80)], rate=20)
    asked.get_by_role("button", name="Regenerate", exact=True).click()
    expect(asked.locator("article.assistant .body")).to_contain_text("word5")

    asked.get_by_role("button", name="Previous version").click()
    expect(asked.locator("article.assistant .body")).to_contain_text("The first answer.")
    expect(asked.get_by_role("button", name="Stop")).to_be_visible()
    asked.get_by_role("button", name="Next version").click()

    expect(complete(asked)).to_contain_text("word79", timeout=15_000)
    assert asked.locator("article.assistant .body").inner_text().split() == [f"word{n}" for n in range(80)]
    expect(asked.get_by_role("button", name="Send")).to_be_visible()


def test_two_tabs_on_two_branches_each_continue_their_own(sign_in, asked: Page, fake_provider: RunningProvider):
    other = sign_in.tab(asked.context, asked.url)
    fake_provider.script("*", chunks=["The second ", "answer."])
    edit(asked, "What is a theorem?")
    expect(complete(asked)).to_contain_text("The second answer.")
    expect(switch(other, "article.user")).to_contain_text("1/2")  # told quietly

    ask(other, "More of the lemma")
    expect(complete(other)).to_have_count(2)
    expect(complete(asked)).to_have_count(1)
    ask(asked, "More of the theorem")
    expect(complete(asked)).to_have_count(2)

    assert Message.objects.get(content="More of the lemma").parent.content == "The first answer."
    assert Message.objects.get(content="More of the theorem").parent.parent.content == "What is a theorem?"
    expect(other.locator("article.user")).to_have_count(2)


def test_an_edit_that_could_not_be_sent_is_kept(asked: Page):
    asked.route("**/edit/", lambda route: route.abort())
    edit(asked, "What is a corollary?")
    expect(asked.locator(".editor")).to_contain_text("Not sent")
    expect(asked.locator(".editor textarea")).to_have_value("What is a corollary?")

    asked.unroute("**/edit/")
    asked.locator(".editor").get_by_role("button", name="Retry").click()

    expect(asked.locator("article.user .body")).to_contain_text("What is a corollary?")
    assert Message.objects.filter(role="user").count() == 2


def test_the_keyboard_alone_edits_and_gives_up(asked: Page):
    asked.locator("#prompt").focus()
    asked.keyboard.press("ArrowUp")
    expect(asked.locator(".editor textarea")).to_be_focused()
    asked.keyboard.press("Escape")
    expect(asked.get_by_role("button", name="Edit message")).to_be_focused()

    asked.locator("#prompt").focus()
    asked.keyboard.press("ArrowUp")
    asked.keyboard.type(" In one line.")
    asked.keyboard.press("Control+Enter")

    expect(asked.locator("article.user .body")).to_contain_text("What is a lemma? In one line.")
    wait_for(lambda: Message.objects.filter(content="What is a lemma? In one line.").exists())


def test_a_stopped_reply_goes_on_from_where_it_broke(asked: Page, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=[f"word{n} " for n in range(400)], rate=20)
    ask(asked, "Count")
    expect(asked.locator("article.assistant .body").last).to_contain_text("word5")
    asked.get_by_role("button", name="Stop").click()
    expect(asked.locator("article.assistant[data-status=canceled]")).to_be_visible(timeout=10_000)
    partial = Message.objects.get(status="canceled")

    fake_provider.script("*", chunks=["and that ", "is all."])
    asked.get_by_role("button", name="Continue", exact=True).click()

    expect(complete(asked)).to_have_count(2)
    whole = Message.objects.get(continues=partial)
    assert whole.content == partial.content + "and that is all."
    expect(asked.locator("article.assistant .body").last).to_contain_text("and that is all.")
    expect(switch(asked, "article.assistant")).to_contain_text("2/2")


def test_stop_at_once_stops(sign_in, alice, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=[f"word{n} " for n in range(400)], rate=20)
    page = sign_in(alice)
    page.route("**/turns/", lambda route: (page.wait_for_timeout(600), route.continue_()))
    ask(page, "Count")
    page.wait_for_timeout(450)
    page.keyboard.press("Escape")

    expect(page.locator("article.assistant[data-status=canceled]")).to_be_visible(timeout=10_000)
    assert len(Message.objects.get(role="assistant").content) < 1000


@pytest.fixture
def long(alice, workspace) -> Conversation:
    return long_chat(workspace, alice, message_count=200)


def test_a_long_chat_opens_at_its_end_and_older_messages_come_without_a_jump(sign_in, alice, long: Conversation):
    page = sign_in(alice, f"/c/{long.id}/")
    expect(page.locator("article.message")).to_have_count(50)
    expect(page.locator("article.message").last).to_be_in_viewport()
    anchor = page.locator("article.message").first
    anchor_id = anchor.get_attribute("id")

    page.evaluate("""() => {
      const scroller = document.getElementById("scroller");
      scroller.dispatchEvent(new WheelEvent("wheel", { deltaY: -100 }));
      scroller.scrollTop = 300;
    }""")
    before = page.locator(f"#{anchor_id}").bounding_box()
    expect(page.locator("article.message")).to_have_count(100)

    after = page.locator(f"#{anchor_id}").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1
    page.evaluate("document.getElementById('scroller').scrollTop = 0")
    expect(page.locator("article.message")).to_have_count(150)


def test_the_address_of_a_message_leads_to_it(sign_in, alice, long: Conversation):
    early = long.messages.filter(role="user").order_by("position")[5]
    page = sign_in(alice, f"/c/{long.id}/?at={early.id}#message-{early.id}")

    expect(page.locator(f"#message-{early.id}")).to_be_in_viewport()
    expect(page.locator(f"#message-{early.id}")).to_have_class(re.compile("is-found"))


def test_nothing_is_out_of_reach(asked: Page, fake_provider: RunningProvider):
    asked.get_by_role("button", name="Regenerate", exact=True).click()
    expect(switch(asked, "article.assistant")).to_contain_text("2/2")
    expect(complete(asked)).to_have_count(1)
    asked.get_by_role("button", name="Regenerate with another model").click()
    assert violations_in_both_themes(asked) == []
    asked.keyboard.press("Escape")
    asked.get_by_role("button", name="Edit message").click()
    assert violations_in_both_themes(asked) == []


def test_without_scripts_the_switch_posts(asked: Page, chromium, server, fake_provider: RunningProvider):
    edit(asked, "What is a theorem?")
    expect(switch(asked, "article.user")).to_contain_text("2/2")
    expect(complete(asked)).to_have_count(1)
    context = chromium.new_context(base_url=server.url, java_script_enabled=False, storage_state=asked.context.storage_state())
    page = context.new_page()
    page.goto(asked.url)
    page.get_by_role("button", name="Previous version").click()
    expect(page.locator("article.user .body")).to_contain_text("What is a lemma?")
    assert re.search(r"\?at=[0-9a-f-]{36}", page.url)
    page.get_by_role("button", name="Regenerate").click()
    expect(page.locator("article.assistant")).to_have_count(1)
    context.close()


def test_the_middle_of_a_long_chat_comes_as_one_scrolls_down_to_it(sign_in, alice, long: Conversation):
    early = long.messages.filter(role="user").order_by("position")[5]
    page = sign_in(alice, f"/c/{long.id}/?at={early.id}#message-{early.id}")
    gap = page.get_by_role("link", name=re.compile("more messages"))
    expect(gap).to_be_attached()
    anchor = page.locator("article.message").nth(48)
    anchor_id = anchor.get_attribute("id")

    anchor.evaluate("(one) => one.scrollIntoView({ block: 'start' })")
    before = anchor.bounding_box()
    expect(page.locator("article.message")).not_to_have_count(70)

    after = page.locator(f"#{anchor_id}").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1
