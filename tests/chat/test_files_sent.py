"""Files on their way: what each mode gives to models, what stays with a chat's branches, and what is left out."""

import re
import time
import uuid

import pytest

from accounts.models import Workspace
from chat.files.enclosures import MOST_IMAGES, Enclosures
from chat.history import Asked, fit
from chat.models import Attachment, File, Message
from gateway import catalogue
from gateway.protocol import Target
from telemetry import digest, tokens
from telemetry.models import RedactionPolicy
from tests.chat.browser import Browser, ended
from tests.chat.pictures import drawn
from tests.chat.test_leaks import dump_of_database, dump_of_valkey
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer

EMAIL = "alice.liddell@example.org"
CARD = "4111 1111 1111 1111"
TEXT = f"Card {CARD}, mail {EMAIL}.\n".encode()


def give(browser: Browser, name: str, data: bytes):
    given = {"conversation": str(uuid.uuid4())}
    return browser.client.post("/files/", files={"file": (name, data)}, data=given, headers=browser._headers())


def ask(browser: Browser, prompt: str, *files: str, conversation: uuid.UUID | None = None, model: str = "openai/plain"):
    conversation = conversation or uuid.uuid4()
    fields = {"conversation": str(conversation), "prompt": prompt, "model": model, "files": list(files)}
    answer = browser.post("/turns/", fields)
    found = re.search(r'data-run="([0-9a-f-]{36})"', answer.text)
    if found:
        ended(found[1])
    return answer, conversation


def told(fake_provider: RunningProvider) -> str:
    return str(fake_provider.last.body["messages"])


@pytest.mark.parametrize("mode", ["log_only", "mask"])
def test_a_text_is_treated_as_the_workspace_has_it(
    as_alice: Browser, server: WebServer, fake_provider: RunningProvider, workspace: Workspace, mode: str
):
    RedactionPolicy.objects.create(workspace=workspace, mode=mode)
    file = give(as_alice, "cards.txt", TEXT).json()["id"]
    answer, conversation = ask(as_alice, f"Whose is {EMAIL}?", file)
    assert answer.status_code == 200
    first = told(fake_provider)
    assert (CARD in first, EMAIL in first) == (mode == "log_only",) * 2
    if mode == "mask":  # one name for one value, in the prompt and in the file
        assert first.count("[[EMAIL_1]]") == 2
    ask(as_alice, "And now?", conversation=conversation)
    assert ("[[CARD" in told(fake_provider)) == (mode == "mask")

    waiting = dump_of_database()
    digest.drain()
    places = {"inbox": waiting, "database": dump_of_database(), "valkey": dump_of_valkey(), "log": server.log}
    assert [(place, secret) for place, content in places.items() for secret in (CARD, EMAIL) if secret in content] == []
    # Its owner has it back as it was.
    assert as_alice.client.get(f"/files/{file}/").content == TEXT


def test_where_the_workspace_blocks_nothing_with_secrets_is_taken_or_sent(
    as_alice: Browser, fake_provider: RunningProvider, workspace: Workspace
):
    before = give(as_alice, "cards.txt", TEXT).json()["id"]
    RedactionPolicy.objects.create(workspace=workspace, mode="block")
    time.sleep(6)  # the web process reads the policy every five seconds
    refused = give(as_alice, "more.txt", TEXT)
    assert refused.status_code == 422
    assert "this workspace keeps personal data" in refused.json()["message"]
    answer, _ = ask(as_alice, "Whose is it?", before)
    assert answer.status_code == 422
    assert not Message.objects.exists()
    assert not fake_provider.requests


def test_a_file_alone_is_a_message_and_names_the_chat(as_alice: Browser, fake_provider: RunningProvider):
    file = give(as_alice, "notes.txt", b"Tea at six").json()["id"]
    answer, conversation = ask(as_alice, "", file)
    assert answer.status_code == 200
    assert fake_provider.last.body["messages"][-1]["content"] == "notes.txt\n```\nTea at six\n```"
    assert Message.objects.get(role="user").conversation.title == "notes.txt"
    ask(as_alice, "And?", conversation=conversation)
    assert "Tea at six" in told(fake_provider)


def test_somebody_elses_file_and_one_that_is_gone_are_not_sent(as_alice: Browser, bob, workspace):
    with Browser.of(bob, as_alice.server) as as_bob:
        theirs = give(as_bob, "bob.txt", b"Bob's own").json()["id"]
    for file in (theirs, str(uuid.uuid4())):
        answer, _ = ask(as_alice, "Read it", file)
        assert answer.status_code == 422
        assert "no longer there" in answer.text
    assert not Message.objects.exists()


def test_more_than_ten_are_too_many(as_alice: Browser):
    answer, _ = ask(as_alice, "Read", *(str(uuid.uuid4()) for _ in range(11)))
    assert answer.status_code == 422
    assert "At most 10 files" in answer.text


def test_an_edited_prompt_and_another_try_keep_the_files(as_alice: Browser, fake_provider: RunningProvider):
    file = give(as_alice, "notes.txt", b"Tea at six").json()["id"]
    ask(as_alice, "When is tea?", file)
    prompt = Message.objects.get(role="user")
    answer = as_alice.post(f"/messages/{prompt.id}/edit/", {"prompt": "At what time?", "model": "openai/plain"})
    assert answer.status_code == 200
    assert "notes.txt" in answer.text
    ended(re.search(r'data-run="([0-9a-f-]{36})"', answer.text)[1])
    assert "Tea at six" in told(fake_provider)
    assert Attachment.objects.count() == 2
    reply = Message.objects.filter(role="assistant").latest("position")
    again = as_alice.post(f"/runs/{reply.run_id}/retry/")
    ended(re.findall(r'data-run="([0-9a-f-]{36})"', again.text)[-1])
    assert "Tea at six" in told(fake_provider)


def test_a_model_that_sees_nothing_is_not_sent_a_picture(as_alice: Browser, fake_provider: RunningProvider):
    file = give(as_alice, "tea.png", drawn()).json()["id"]
    answer, conversation = ask(as_alice, "What is it?", file, model="openai/gpt-3.5-turbo")
    assert answer.status_code == 422
    assert "takes no pictures" in answer.text
    ask(as_alice, "What is it?", file, conversation=conversation)
    # A chat goes on with such a model: the picture is named to it.
    ask(as_alice, "And now?", conversation=conversation, model="openai/gpt-3.5-turbo")
    assert "[image: tea.png, not sent]" in told(fake_provider)
    assert "base64" not in told(fake_provider)


def test_without_scripts_files_go_with_the_form(as_alice: Browser, fake_provider: RunningProvider):
    fields = {"conversation": str(uuid.uuid4()), "prompt": "Read it", "model": "openai/plain"}
    given = {"upload": ("notes.txt", b"Tea at six")}
    answer = as_alice.client.post("/turns/", data=fields, files=given, headers=as_alice._headers())
    assert answer.status_code == 302
    ended(str(Message.objects.get(role="assistant").run_id))
    assert "Tea at six" in told(fake_provider)


def test_a_body_beyond_every_cap_is_refused_before_it_is_read(as_alice: Browser):
    assert give(as_alice, "huge.txt", b"x" * 12_000_000).status_code == 413
    assert not File.objects.exists()


# --- How much fits ------------------------------------------------------------------------------------------------------------
def enclosed(*messages: tuple[uuid.UUID, str, int]) -> Enclosures:
    """Files of messages that were never stored: their kinds and sizes."""
    found: dict[uuid.UUID, list[Attachment]] = {}
    for message_id, kind, size in messages:
        file = File(kind=kind, size=size, name=f"{kind}.dat", media_type="image/png")
        found.setdefault(message_id, []).append(Attachment(file=file))
    return Enclosures(found)


def test_files_count_towards_the_window(monkeypatch):
    monkeypatch.setattr(catalogue, "context_window", lambda _target: 4000)
    target = Target(provider="openai", model="gpt-4o", adapter="direct")
    stored = [Message(role="user" if n % 2 == 0 else "assistant", content=f"turn {n}", position=n) for n in range(8)]
    files = enclosed(*((message.id, "image", 100) for message in stored[::2]))
    history = fit(stored, Asked("And now?", files=files, takes_images=False), target)
    assert 4 * tokens.AN_IMAGE > 3000  # four pictures are more than there is room for
    assert history.omitted_count == 4


def test_of_many_pictures_the_newest_are_sent(monkeypatch):
    monkeypatch.setattr("chat.files.enclosures._data_url", lambda file: f"data:image/png;base64,{file.name}")
    ids = [uuid.uuid4() for _ in range(MOST_IMAGES + 5)]
    contents = enclosed(*((one, "image", 100) for one in ids)).contents([(one, "look") for one in ids], takes_images=True)
    sent = [isinstance(contents[one], list) for one in ids]
    assert sent == [False] * 5 + [True] * MOST_IMAGES


def test_pictures_are_counted_by_an_estimate():
    said = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]
    assert tokens.count_messages(said, "gpt-4o") == tokens.A_MESSAGE + tokens.AN_IMAGE


def test_a_picture_in_many_colors_stays_in_them(as_alice: Browser):
    """Palettes, transparency and grays are drawn too."""
    for mode, color in (("P", 3), ("LA", (9, 100)), ("L", 7), ("CMYK", (1, 2, 3, 4))):
        kind = "JPEG" if mode == "CMYK" else "PNG"
        assert give(as_alice, "drawn", drawn(kind, mode=mode, color=color)).status_code == 201
