"""The composer, through a real browser: files, kept prompts, the settings of a chat, keys, and what is never lost."""

import pytest
from playwright.sync_api import FilePayload, Page, expect

from accounts.models import Workspace
from chat.models import Conversation, File, Message, Prompt
from tests.chat.browser import wait_for
from tests.chat.pictures import drawn
from tests.e2e.axe import violations_in_both_themes
from tests.fakes.fixtures import RunningProvider


def send(page: Page, prompt: str) -> None:
    page.locator("#prompt").fill(prompt)
    page.get_by_role("button", name="Send").click()


def answered(page: Page, count: int = 1) -> None:
    expect(page.locator("article.assistant[data-status=complete]")).to_have_count(count, timeout=15_000)


def pick(page: Page, *files: tuple[str, bytes]) -> None:
    """Choose files by the menu."""
    page.get_by_role("button", name="Add files and more").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([FilePayload(name=name, mimeType="application/octet-stream", buffer=data) for name, data in files])


def drop(page: Page, event: str, name: str, text: str) -> None:
    page.evaluate(
        """([event, name, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([text], name, { type: "text/plain" }));
          const target = document.getElementById(event === "paste" ? "prompt" : "chat");
          const made = event === "paste"
            ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
            : new DragEvent(event, { dataTransfer: data, bubbles: true, cancelable: true });
          target.dispatchEvent(made);
        }""",
        [event, name, text],
    )


@pytest.fixture
def letter(alice, workspace: Workspace) -> Prompt:
    Prompt.objects.create(workspace=workspace, owner=alice, name="shout", body="Say it loudly.")
    return Prompt.objects.create(
        workspace=workspace, owner=alice, name="letter", body="Write to {{who}} about {{what}}. Sign as {{who}}’s friend."
    )


def test_files_go_with_the_prompt_and_are_shown_with_it(sign_in, alice, fake_provider: RunningProvider):
    page = sign_in(alice)
    pick(page, ("tea.png", drawn("PNG", size=(400, 300))), ("notes.md", b"# Tea at six"))
    chips = page.locator("#attachments .file-chip")
    expect(chips).to_have_count(2)
    expect(chips.nth(0).locator("img")).to_be_visible()
    expect(chips.nth(1)).to_contain_text("notes.md")
    expect(page.locator("#attachments progress:visible")).to_have_count(0)
    assert violations_in_both_themes(page) == []

    page.reload()
    expect(chips).to_have_count(2)
    send(page, "What is this?")
    answered(page)

    expect(chips).to_have_count(0)
    sent = page.locator("article.user .files")
    expect(sent).to_contain_text("tea.png")
    expect(sent).to_contain_text("notes.md")
    assert sent.locator("img").evaluate("image => image.complete && image.naturalWidth > 0")
    parts = fake_provider.last.body["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text"]
    assert "# Tea at six" in parts[-1]["text"]
    with page.expect_download() as download:
        sent.get_by_text("notes.md").click()
    assert download.value.suggested_filename == "notes.md"
    assert violations_in_both_themes(page) == []


def test_a_file_that_is_refused_says_why_and_holds_the_prompt_back(sign_in, alice):
    page = sign_in(alice)
    pick(page, ("report.pdf", b"%PDF-1.7"))
    expect(page.get_by_role("alert")).to_contain_text("PDF files can’t be attached")

    page.locator("#prompt").fill("Summarize it")
    page.locator("#prompt").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Take out the file")
    assert not Message.objects.exists()

    page.get_by_role("button", name="Remove report.pdf").click()
    expect(page.locator("#attachments")).to_be_hidden()
    expect(page.locator("#prompt")).to_be_focused()
    page.get_by_role("button", name="Send").click()
    answered(page)


def test_a_file_is_dropped_pasted_and_taken_out(sign_in, alice):
    page = sign_in(alice)
    drop(page, "drop", "dropped.txt", "dropped")
    drop(page, "paste", "pasted.txt", "pasted")
    expect(page.locator("#attachments .file-chip")).to_have_count(2)
    wait_for(lambda: File.objects.count() == 2)

    page.get_by_role("button", name="Remove dropped.txt").click()

    wait_for(lambda: File.objects.count() == 1)
    expect(page.locator("#attachments .file-chip")).to_have_count(1)


def test_a_long_paste_becomes_a_file_and_may_be_put_back(sign_in, alice):
    page = sign_in(alice)
    text = "tea " * 4000
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          const made = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
          document.getElementById("prompt").dispatchEvent(made);
        }""",
        text,
    )
    chip = page.locator("#attachments .file-chip")
    expect(chip).to_contain_text("Pasted text.txt")
    expect(chip.locator("progress:visible")).to_have_count(0)
    expect(page.locator("#prompt")).to_have_value("")

    chip.get_by_role("button", name="Put it into the message").click()

    expect(page.locator("#prompt")).to_have_value(text)
    expect(chip).to_have_count(0)


def test_a_draft_survives_a_failed_send_with_its_files(sign_in, alice, fake_provider: RunningProvider):
    page = sign_in(alice)
    pick(page, ("notes.txt", b"Tea at six"))
    expect(page.locator("#attachments progress:visible")).to_have_count(0)
    page.route("**/turns/", lambda route: route.abort())
    send(page, "Keep me")
    expect(page.get_by_text("Not sent")).to_be_visible()
    page.locator("#prompt").fill("written meanwhile")

    page.reload()
    expect(page.locator("article.user")).to_contain_text("Keep me")
    expect(page.locator("article.user .files")).to_contain_text("notes.txt")
    expect(page.locator("#prompt")).to_have_value("written meanwhile")
    page.unroute("**/turns/")
    page.get_by_role("button", name="Retry").click()
    answered(page)

    assert "Tea at six" in fake_provider.last.body["messages"][-1]["content"]
    assert Message.objects.filter(role="user").count() == 1
    expect(page.locator("#prompt")).to_have_value("written meanwhile")


def test_nothing_is_sent_twice(sign_in, alice):
    page = sign_in(alice)
    page.locator("#prompt").fill("Once")
    page.get_by_role("button", name="Send").dblclick()
    page.locator("#prompt").press("Enter")
    answered(page)
    assert Message.objects.filter(role="user").count() == 1


def test_enter_that_ends_a_composition_sends_nothing(sign_in, alice):
    page = sign_in(alice)
    page.locator("#prompt").fill("にほん")
    for detail in ({"isComposing": True}, {"keyCode": 229}):
        page.locator("#prompt").evaluate(
            """(box, detail) => {
              const made = { key: "Enter", bubbles: true, cancelable: true, ...detail };
              box.dispatchEvent(new KeyboardEvent("keydown", made));
            }""",
            detail,
        )
    page.wait_for_timeout(300)
    assert not Message.objects.exists()
    page.locator("#prompt").press("Shift+Enter")
    expect(page.locator("#prompt")).to_have_value("にほん\n")
    page.locator("#prompt").press("Control+Enter")
    answered(page)


def test_a_slash_lists_the_prompts_and_asks_for_what_changes(sign_in, alice, letter: Prompt):
    page = sign_in(alice)
    box = page.locator("#prompt")
    box.press_sequentially("/")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    assert violations_in_both_themes(page) == []
    box.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    box.press("Escape")
    expect(options).to_have_count(0)
    box.press_sequentially("let")
    expect(options).to_have_count(1)
    box.press("Enter")

    dialog = page.get_by_role("dialog", name="Fill in")
    dialog.get_by_label("who").fill("Bob")
    dialog.get_by_label("what").fill("tea")
    assert violations_in_both_themes(page) == []
    dialog.get_by_label("what").press("Enter")

    expect(box).to_have_value("Write to Bob about tea. Sign as Bob’s friend.")
    expect(box).to_be_focused()
    assert not Message.objects.exists()


def test_a_chat_is_set_before_its_first_message_and_after(sign_in, alice, fake_provider: RunningProvider):
    page = sign_in(alice)
    page.get_by_role("button", name="Add files and more").click()
    page.get_by_role("button", name="Chat settings", exact=True).click()
    dialog = page.get_by_role("dialog", name="Chat settings")
    dialog.get_by_label("System prompt").fill("You are a dormouse.")
    dialog.get_by_label("Temperature").fill("7")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Temperature")
    assert violations_in_both_themes(page) == []
    dialog.get_by_label("Temperature").fill("0.1")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Chat settings, changed")).to_be_visible()
    page.reload()
    send(page, "Hello")
    answered(page)
    body = fake_provider.last.body
    assert body["messages"][0] == {"role": "system", "content": "You are a dormouse."}
    assert body["temperature"] == 0.1

    page.get_by_role("button", name="Chat settings, changed").click()
    expect(dialog.get_by_label("System prompt")).to_have_value("You are a dormouse.")
    dialog.get_by_role("button", name="Reset to defaults").click()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Chat settings, changed")).to_be_hidden()
    send(page, "And now?")
    answered(page, 2)
    assert fake_provider.last.body["messages"][0]["role"] == "user"
    assert Conversation.objects.get().parameters == {}


def test_a_message_that_is_too_long_says_so(sign_in, alice):
    page = sign_in(alice)
    box = page.locator("#prompt")
    box.fill("x" * 95_000)
    expect(page.locator("#composer-hint")).to_contain_text("5,000 characters left")
    box.fill("x" * 100_001)
    expect(page.locator("#composer-hint")).to_contain_text("1 characters too many")
    box.press("Control+Enter")
    assert not Message.objects.exists()


@pytest.mark.usefixtures("letter")
def test_everything_is_within_reach_on_a_phone(sign_in, alice):
    page = sign_in(alice, width=390)
    pick(page, ("a-very-long-name-of-a-file-that-nobody-would-give.txt", b"text"), ("tea.png", drawn("PNG", size=(400, 300))))
    expect(page.locator("#attachments .file-chip")).to_have_count(2)
    expect(page.locator("#attachments progress:visible")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    send(page, "Hello")
    answered(page)
    page.locator("#prompt").press_sequentially("/")
    expect(page.get_by_role("option")).to_have_count(2)
    for width in page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.dock').scrollWidth]"):
        assert width <= 390


def test_the_prompts_page_keeps_changes_and_deletes(sign_in, alice, workspace: Workspace):
    page = sign_in(alice, "/settings/prompts/")
    expect(page.get_by_text("No prompts yet")).to_be_visible()
    page.get_by_label("Name").fill("Weekly Report")
    page.get_by_label("Prompt", exact=True).fill("Report on {{week}}")
    page.get_by_role("button", name="Save prompt").click()
    expect(page.get_by_text("/weekly-report", exact=True)).to_be_visible()
    assert violations_in_both_themes(page) == []
    page.get_by_role("link", name="Change /weekly-report").click()
    page.get_by_label("Name").fill("report")
    page.get_by_role("button", name="Save prompt").click()
    expect(page.get_by_text("/report", exact=True)).to_be_visible()
    page.get_by_role("link", name="Change /report").click()
    page.get_by_role("button", name="Delete prompt").click()
    assert violations_in_both_themes(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    wait_for(lambda: not Prompt.objects.exists())
