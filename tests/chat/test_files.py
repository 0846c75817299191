"""Files beside prompts: what is taken and what is refused, what lies on the disk, what models get, and who has them back."""

import base64
import io
import json
import re
import struct
import uuid
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.encryption import DecryptionError
from chat import deletion, erasure
from chat.files import blobs, names, store
from chat.models import Attachment, Conversation, File, Message
from gateway.loggable import loggable
from telemetry import digest, payloads
from telemetry.models import InferenceLog
from tests.chat.browser import Browser, ended
from tests.chat.pictures import drawn, with_place
from tests.chat.test_leaks import dump_of_database, dump_of_valkey
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer

EMAIL = "alice.liddell@example.org"
CARD = "4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path) -> Path:
    settings.OLLIVE_FILES_DIR = str(tmp_path / "files")
    return tmp_path / "files"


def upload(user, name: str, data: bytes, **fields):
    client = Client()
    client.force_login(user)
    given = {"conversation": uuid.uuid4(), "file": SimpleUploadedFile(name, data), **fields}
    return client.post(reverse("chat:upload"), given)


def kept(user, name: str, data: bytes) -> File:
    answer = upload(user, name, data)
    assert answer.status_code == 201, answer.content
    return File.objects.get(id=answer.json()["id"])


# --- What is taken ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("notes.md", b"# Notes\r\n\r\nTea at six.", "# Notes\n\nTea at six."),
        ("table.csv", "name;price\nTée;3€".encode("utf-8-sig"), "name;price\nTée;3€"),
        ("old.txt", "Zwölf Boxkämpfer".encode("latin-1"), "Zwölf Boxkämpfer"),
        ("windows.txt", "Twelve boxers".encode("utf-16"), "Twelve boxers"),
        ("page.html", b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("picture.png", b"no picture at all", "no picture at all"),
        ("log", b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
    ],
)
def test_a_text_is_known_by_its_bytes(alice, name, data, text):
    file = kept(alice, name, data)
    assert (file.kind, store.bytes_of(file).decode()) == ("text", text)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_drawn_anew_with_a_small_one(alice, kind):
    answer = upload(alice, "holiday.dat", drawn(kind, size=(3000, 1000)))
    told = answer.json()
    file = File.objects.get(id=told["id"])
    with Image.open(io.BytesIO(store.bytes_of(file))) as picture:
        assert picture.size == (file.width, file.height) == (2048, 683)
    small = base64.b64decode(told["thumbnail"].removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(small)) as thumbnail:
        assert max(thumbnail.size) == 256
    assert re.fullmatch(r"holiday\.dat\.(png|jpg)", told["name"])


def test_places_and_cameras_are_not_kept(alice):
    file = kept(alice, "garden.jpg", with_place())
    data = store.bytes_of(file)
    assert b"Looking Glass" not in data
    assert b"rabbit" not in data
    with Image.open(io.BytesIO(data)) as picture:
        assert not dict(picture.getexif())
        assert picture.size == (48, 64)  # turned as the camera meant it


def test_what_hides_behind_a_picture_is_gone(alice):
    """A picture and a page at once: only what is drawn is kept."""
    file = kept(alice, "both.png", drawn("PNG") + b"<script>alert(1)</script>")
    assert b"script" not in store.bytes_of(file)


def bomb() -> bytes:
    """A small file that says it is a picture of 60,000 by 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 10_000_000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.txt", b" \n\t", "is empty"),
        ("report.pdf", b"%PDF-1.7\n1 0 obj", "PDF"),
        ("report.txt", b"%PDF-1.7\n1 0 obj", "PDF"),
        ("letter.docx", b"PK\x03\x04\x14\x00\x06\x00", "Archives and office"),
        ("notes.txt.gz", b"\x1f\x8b\x08\x00abc", "Unpack"),
        ("drawing.svg", b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "SVG"),
        ("drawing.txt", b"\xef\xbb\xbf  <svg onload=alert(1)>", "SVG"),
        ("phone.heic", b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
        ("cut.png", drawn("PNG", size=(500, 500))[:-300], "broken or cut off"),
        ("cut.jpg", drawn("JPEG", size=(900, 900))[:900], "broken or cut off"),
        ("bomb.png", bomb(), "can’t be read"),
        ("program.txt", b"MZ\x90\x00\x03", "Programs"),
        ("nul.txt", b"before\x00after", "neither text nor a picture"),
        ("control.txt", b"bell\x07", "neither text nor a picture"),
        ("half.txt", b"\xff\xfeA", "cut off or broken"),
    ],
)
def test_what_can_not_be_attached_is_refused_with_a_sentence(alice, name, data, told):
    answer = upload(alice, name, data)
    assert answer.status_code == 422
    assert told in answer.json()["message"]
    assert answer.json()["message"].startswith(name)
    assert not File.objects.exists()


def test_what_is_too_large_is_refused_with_the_limit(alice, settings):
    settings.OLLIVE_MAX_TEXT_BYTES, settings.OLLIVE_MAX_FILE_BYTES = 1000, 1000
    for name, data in (
        ("long.txt", b"x" * 1001),
        ("large.png", drawn("PNG", size=(900, 900), mode="RGBA", color=(1, 2, 3, 4)) + b"x" * 999),
    ):
        answer = upload(alice, name, data)
        assert answer.status_code == 413
        assert "MB is the most" in answer.json()["message"]


def test_a_person_has_so_much_room(alice, settings):
    settings.OLLIVE_FILES_QUOTA_BYTES = 50
    kept(alice, "first.txt", b"x" * 40)
    answer = upload(alice, "second.txt", b"x" * 40)
    assert answer.status_code == 413
    assert "delete chats" in answer.json()["message"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\notes.txt", "notes.txt"),
        ("evil\u202egnp.exe", "evil gnp.exe"),
        ("zero\u200bwidth.txt", "zero width.txt"),
        ("nul\x00l.txt", "null.txt"),
        ("two\r\nlines: 1.txt", "two lines_ 1.txt"),
        ('<img src=x onerror="alert(1)">.txt', "_img src=x onerror=_alert(1)__.txt"),
        ("...", "file"),
        ("", "file"),
        ("\ud800.txt", "txt"),
    ],
)
def test_a_name_is_one_readable_line(given, shown):
    assert names.clean(given) == shown


def test_a_long_name_keeps_its_ending():
    cleaned = names.clean("x" * 500 + ".csv")
    assert len(cleaned) == 200
    assert cleaned.endswith("….csv")


def test_a_name_is_redacted(alice):
    assert EMAIL not in kept(alice, f"{EMAIL}.txt", b"text").name


# --- Where it lies, and who has it ----------------------------------------------------------------------------------------
def test_the_disk_has_nothing_in_plain(alice, folder):
    file = kept(alice, "secret.txt", b"The Heffalump walks at night. " * 10)
    lying = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in lying] == [file.id.hex]
    assert b"Heffalump" not in lying[0].read_bytes()
    assert lying[0].stat().st_mode & 0o777 == 0o600
    assert lying[0].parent.stat().st_mode & 0o777 == 0o700


def test_bytes_that_were_moved_or_changed_do_not_open(alice):
    one, other = kept(alice, "one.txt", b"one"), kept(alice, "other.txt", b"other")
    blobs.path_of(one.id).write_bytes(blobs.path_of(other.id).read_bytes())
    with pytest.raises(DecryptionError):
        store.bytes_of(one)
    blobs.path_of(other.id).unlink()
    with pytest.raises(DecryptionError):
        store.bytes_of(other)


def test_its_owner_saves_it_and_no_browser_shows_it(alice):
    file = kept(alice, "Tée “six”.html", b"<script>alert(1)</script>")
    client = Client()
    client.force_login(alice)
    answer = client.get(reverse("chat:file", args=[file.id]))
    assert answer.content == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]


def test_for_everybody_else_it_does_not_exist(alice, bob, charlie, dora):
    file = kept(alice, "mine.txt", b"mine")
    for other in (bob, charlie, dora):
        client = Client()
        client.force_login(other)
        assert client.get(reverse("chat:file", args=[file.id])).status_code == 404
        assert client.post(reverse("chat:discard_file", args=[file.id])).status_code == 404
    assert File.objects.exists()


def test_a_viewer_attaches_nothing(alice):
    alice.memberships.update(role="viewer")
    assert upload(alice, "note.txt", b"text").status_code == 403


# --- How long ---------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_what_is_taken_out_is_gone_at_once(alice, folder):
    file = kept(alice, "note.txt", b"text")
    client = Client()
    client.force_login(alice)
    assert client.post(reverse("chat:discard_file", args=[file.id])).status_code == 204
    assert not File.objects.exists()
    assert not list(folder.rglob("*/*"))


def sent_with(file: File, owner, workspace) -> Message:
    conversation = Conversation.objects.create(owner=owner, workspace=workspace)
    message = Message.objects.create(conversation=conversation, role="user", position=1)
    Attachment.objects.create(message=message, file=file)
    return message


@pytest.mark.django_db(transaction=True)
def test_what_was_never_sent_is_gone_after_a_day(alice, workspace, folder):
    sent, unsent, fresh = (kept(alice, f"{name}.txt", b"text") for name in ("sent", "unsent", "fresh"))
    sent_with(sent, alice, workspace)
    stray = uuid.uuid4()
    blobs.write(stray, b"of a row that is gone", key=blobs.make_key())
    old = timezone.now() - timedelta(hours=25)
    File.objects.filter(id__in=[sent.id, unsent.id]).update(created_at=old)

    assert store.purge(timezone.now()) == 1
    assert set(File.objects.all()) == {sent, fresh}
    assert blobs.path_of(stray).exists()
    store.purge(timezone.now() + timedelta(hours=24, minutes=1))  # as if the stray one had lain there for a day
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {sent.id.hex}


@pytest.mark.django_db(transaction=True)
def test_they_go_with_the_last_conversation_that_has_them(alice, workspace, folder):
    file = kept(alice, "note.txt", b"text")
    first, second = sent_with(file, alice, workspace), sent_with(file, alice, workspace)
    deletion.delete(first.conversation)
    assert blobs.path_of(file.id).exists()
    deletion.delete(second.conversation)
    assert not File.objects.exists()
    assert not blobs.path_of(file.id).exists()


@pytest.mark.django_db(transaction=True)
def test_they_go_with_their_person(alice, bob, workspace):
    file = kept(bob, "note.txt", b"text")
    sent_with(file, bob, workspace)
    assert erasure.counts(bob)["files"] == 1
    receipt = erasure.erase(bob, requested_by="test", now=timezone.now(), tell=lambda _kind, _count: None)
    assert receipt.counts["files"] == 1
    assert not File.objects.exists()
    assert not blobs.path_of(file.id).exists()


# --- What models get ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def shared(server: WebServer, settings) -> None:
    """The folder of the web process."""
    settings.OLLIVE_FILES_DIR = str(settings.OLLIVE_DATA_DIR / "files")


def give(browser: Browser, name: str, data: bytes) -> str:
    answer = browser.client.post(
        "/files/", files={"file": (name, data)}, data={"conversation": str(uuid.uuid4())}, headers=browser._headers()
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ask(browser: Browser, prompt: str, *files: str, conversation: uuid.UUID | None = None, model: str = "openai/plain"):
    conversation, message = conversation or uuid.uuid4(), uuid.uuid4()
    fields = {"conversation": str(conversation), "message": str(message), "prompt": prompt, "model": model, "files": list(files)}
    answer = browser.post("/turns/", fields)
    found = re.search(r'data-run="([0-9a-f-]{36})"', answer.text)
    return answer, conversation, found[1] if found else ""


@pytest.mark.usefixtures("shared")
def test_a_text_goes_before_the_prompt_in_a_block_of_its_own(as_alice: Browser, fake_provider: RunningProvider):
    file = give(as_alice, "code.py", b"print('```')\n")
    answer, conversation, run = ask(as_alice, "What is this?", file)
    ended(run)
    assert fake_provider.last.body["messages"][-1]["content"] == "code.py\n````python\nprint('```')\n````\n\nWhat is this?"
    assert "code.py" in answer.text
    ended(ask(as_alice, "And now?", conversation=conversation)[2])
    assert "print('```')" in fake_provider.last.body["messages"][0]["content"]


@pytest.mark.usefixtures("shared")
def test_a_picture_goes_as_a_part_and_the_log_keeps_a_line(as_alice: Browser, fake_provider: RunningProvider, server: WebServer):
    file = give(as_alice, "tea.png", drawn("PNG", color=(1, 2, 3)))
    _, conversation, run = ask(as_alice, "What is on it?", file)
    ended(run)
    parts = fake_provider.last.body["messages"][-1]["content"]
    url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
    with Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))) as picture:
        assert picture.getpixel((0, 0)) == (1, 2, 3)
    assert [part["text"] for part in parts if part["type"] == "text"] == ["tea.png:", "What is on it?"]

    waiting = dump_of_database()
    digest.drain()
    sample = url[-200:-100]
    for place, content in {
        "inbox": waiting,
        "database": dump_of_database(),
        "valkey": dump_of_valkey(),
        "log": server.log,
    }.items():
        assert sample not in content, place
    logged = payloads.content_of(InferenceLog.objects.get(conversation_id=conversation))["messages"]
    assert "[image: image/png, " in json.dumps(logged)


def test_the_log_keeps_a_line_for_each_picture():
    url = "data:image/jpeg;base64," + "A" * 160_000
    said = [{"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": url}}]}]
    linked = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]
    assert loggable(said)[0]["content"][1] == {"type": "text", "text": "[image: image/jpeg, 120 kB]"}
    assert loggable(linked) == linked
    assert loggable([{"role": "user", "content": "Hello"}]) == [{"role": "user", "content": "Hello"}]
