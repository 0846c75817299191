"""What Lighthouse says of the chat page: performance and accessibility, on its slowed-down phone and on a desktop.

`python -m bench.lighthouse [--page home|chat] [--runs 3]`: a web process with a conversation of some length, Debian's
Chromium, Lighthouse from npm. Prints the median score (0–100) of each category, and the weight of CSS and JavaScript.
"""

import argparse
import gzip
import json
import re
import statistics
import subprocess
import uuid
from pathlib import Path
from urllib.request import Request, urlopen

from playwright.sync_api import sync_playwright

from bench.stack import Stack, listens, servers, start_web
from ollive.up.launcher import free_port

LIGHTHOUSE = "lighthouse@12.8.2"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
CATEGORIES = ("performance", "accessibility", "best-practices")
REPLY = (
    "A **reply** with a list:\n\n- one\n- two\n\n```python\nprint('hello')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\\(x^2\\)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", choices=["home", "chat"], nargs="+", default=["home", "chat"])
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with servers() as stack:
        url = start_web(stack)
        cookie, conversation = _visit()
        port = _start_browser(stack, url, cookie)
        addresses = {"home": f"{url}/", "chat": f"{url}/c/{conversation}/"}
        print(f"{'page':6}{'device':9}" + "".join(f"{name:>16}" for name in CATEGORIES) + "   CSS + JS gzip kB")
        for page in given.page:
            weight = _weight(addresses[page], url, cookie)
            for device in ("phone", "desktop"):
                scores = [_run(addresses[page], device, stack.folder, port) for _ in range(given.runs)]
                medians = [statistics.median(score[name] for score in scores) for name in CATEGORIES]
                print(f"{page:6}{device:9}" + "".join(f"{score:16.0f}" for score in medians) + f"{weight:20.1f}", flush=True)


def _visit() -> tuple[str, uuid.UUID]:
    """A signed-in person, and a conversation of theirs with forty messages."""
    from bench.chats import _sign_in

    cookie = _sign_in(1)
    from accounts.models import User
    from chat.models import Conversation, Message
    from chat.render import RENDERER_VERSION, render

    person = User.objects.get(email="bench1@example.com")
    conversation = Conversation.objects.create(owner=person, workspace=person.workspaces.get(), title="A long chat")
    parent = None
    for position in range(40):
        is_reply = position % 2 == 1
        parent = Message.objects.create(
            conversation=conversation,
            parent=parent,
            position=position + 1,
            role="assistant" if is_reply else "user",
            content=REPLY if is_reply else f"Question {position}",
            html=render(REPLY) if is_reply else "",
            renderer_version=RENDERER_VERSION,
            run_id=uuid.uuid4() if is_reply else None,
            model="openai/plain" if is_reply else "",
        )
    return cookie, conversation.id


def _start_browser(stack: Stack, url: str, cookie: str) -> int:
    """Chromium with the person signed in; the port by which Lighthouse drives it.

    The session has to be in its jar: as a header of Lighthouse's own it is missing in what the page sends by itself.
    """
    port = free_port()
    command = [CHROMIUM, *FLAGS, f"--remote-debugging-port={port}", f"--user-data-dir={stack.folder / 'chromium'}", "about:blank"]
    stack.start("chromium", command, is_ready=lambda _: listens(port))
    name, _, value = cookie.partition("=")
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        browser.contexts[0].add_cookies([{"name": name, "value": value, "url": url}])
    return port


def _run(url: str, device: str, folder: Path, port: int) -> dict[str, float]:
    report = folder / "lighthouse.json"
    command = ["npx", "--yes", LIGHTHOUSE, url, "--quiet", "--output=json", f"--output-path={report}", f"--port={port}"]
    command += [f"--only-categories={','.join(CATEGORIES)}", *(["--preset=desktop"] if device == "desktop" else [])]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    found = json.loads(report.read_text())
    if found["finalDisplayedUrl"] != url:
        raise RuntimeError(f"The page went on to {found['finalDisplayedUrl']}: another page was measured.")
    return {name: found["categories"][name]["score"] * 100 for name in CATEGORIES}


def _weight(page: str, url: str, cookie: str) -> float:
    """The CSS and JavaScript that a page asks for, in kB as gzip sends them."""
    html = _get(page, cookie).decode()
    files = re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', html)
    return sum(len(gzip.compress(_get(url + file, cookie))) for file in dict.fromkeys(files)) / 1000


def _get(url: str, cookie: str) -> bytes:
    with urlopen(Request(url, headers={"Cookie": cookie})) as answer:
        content: bytes = answer.read()
    return content


if __name__ == "__main__":
    main()
