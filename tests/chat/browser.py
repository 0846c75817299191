"""What a page does, without a page: forms are posted, frames are read and applied as stream.js applies them."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.conf import settings
from django.test import Client
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from accounts.models import User
from chat.models import Message
from tests.server import WebServer


@dataclass
class Shown:
    """What the page shows of one run."""

    seq: int = 0
    committed: str = ""
    tail: str = ""
    thought: str = ""
    thought_tail: str = ""
    thought_label: str | None = None
    tools: dict[str, str] = field(default_factory=dict)
    end: dict[str, Any] | None = None
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def html(self) -> str:
        if self.end is not None and self.end["body"] is not None:
            return str(self.end["body"])
        return self.committed + self.tail

    @property
    def text(self) -> str:
        return re.sub(r"<[^>]+>", "", self.html)

    def apply(self, frame: dict[str, Any]) -> None:
        """Take one frame as stream.js does."""
        self.frames.append(frame)
        self._apply_aside(frame)
        if frame["type"] == "end":
            self.end = frame
        elif frame["type"] == "snapshot":
            self.seq, self.committed, self.tail = frame["seq"], frame["append"], frame["tail"]
        elif frame["seq"] > self.seq:
            self.seq = frame["seq"]
            self.tail = self.tail if frame["tail"] is None else frame["tail"]
            self.committed += frame["append"]

    def _apply_aside(self, frame: dict[str, Any]) -> None:
        """What steps.js does."""
        self.tools |= dict(frame.get("tools") or [])
        thought = frame.get("thought")
        if not thought or (frame["type"] == "delta" and frame["seq"] <= self.seq):
            return
        self.thought_label = thought["label"]
        if thought["append"] is not None:
            self.thought = thought["append"] if frame["type"] != "delta" else self.thought + thought["append"]
            self.thought_tail = self.thought_tail if thought["tail"] is None else thought["tail"]

    @property
    def thought_text(self) -> str:
        return re.sub(r"<[^>]+>", "", self.thought + self.thought_tail)


class Page:
    """An open socket, and what it shows."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.runs: dict[str, Shown] = {}
        self.turns: list[dict[str, Any]] = []
        self.html: list[str] = []
        self.others: list[dict[str, Any]] = []

    def say(self, request: Any) -> None:
        self._connection.send(request if isinstance(request, str | bytes) else json.dumps(request))

    def sync(self, conversation: Any, run: Any = None, seq: int | None = None, *, last: Any = None) -> Shown:
        """Follow a run from where this page is; `last` is the last message on it."""
        shown = self.runs.setdefault(str(run), Shown())
        runs = [{"run": str(run), "seq": shown.seq if seq is None else seq}] if run else []
        self.say({"type": "sync", "conversation": str(conversation), "runs": runs, "last": str(last) if last else None})
        return shown

    def read(self, seconds: float = 10) -> dict[str, Any] | None:
        """The next JSON frame, applied; None for out-of-band HTML."""
        text = self._connection.recv(timeout=seconds)
        assert isinstance(text, str)
        if text.lstrip().startswith("<"):
            self.html.append(text)
            return None
        frame: dict[str, Any] = json.loads(text)
        if frame["type"] in ("delta", "snapshot", "end"):
            self.runs.setdefault(frame["run"], Shown()).apply(frame)
        elif frame["type"] == "turn":
            self.turns.append(frame)
        else:
            self.others.append(frame)
        return frame

    def read_until(self, condition: Any, seconds: float = 20) -> None:
        """Read frames until `condition()` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.read(max(0.01, deadline - time.monotonic()))


@dataclass
class Sent:
    """The answer to a form that was posted."""

    response: httpx.Response
    conversation: uuid.UUID
    message: uuid.UUID

    @property
    def run(self) -> str:
        match = re.search(r'data-run="([0-9a-f-]{36})"', self.response.text)
        assert match, self.response.text
        return match[1]

    @property
    def reply(self) -> Message:
        return Message.objects.get(run_id=self.run)


class Browser:
    """A signed-in person before one web process."""

    def __init__(self, client: httpx.Client, server: WebServer, cookie: str) -> None:
        self.client = client
        self.server = server
        self._cookie = cookie

    @classmethod
    @contextmanager
    def of(cls, user: User, server: WebServer) -> Iterator["Browser"]:
        signing_in = Client()
        signing_in.force_login(user)
        session = signing_in.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
        cookies = {settings.SESSION_COOKIE_NAME: session}
        headers = {"Accept": "text/html"}
        with httpx.Client(base_url=server.url, cookies=cookies, headers=headers, trust_env=False, timeout=30) as client:
            yield cls(client, server, cookie)

    def post(self, path: str, fields: dict[str, Any] | None = None, *, is_htmx: bool = True) -> httpx.Response:
        headers = self._headers() | ({"HX-Request": "true"} if is_htmx else {})
        return self.client.post(path, data=fields or {}, headers=headers)

    def post_raw(self, path: str, body: bytes) -> httpx.Response:
        """Bytes that no form would send."""
        headers = self._headers() | {"HX-Request": "true", "Content-Type": "application/x-www-form-urlencoded"}
        return self.client.post(path, content=body, headers=headers)

    def _headers(self) -> dict[str, str]:
        token = "a" * 32
        return {"X-CSRFToken": token, "Cookie": f"{self._cookie}; {settings.CSRF_COOKIE_NAME}={token}"}

    def send(
        self,
        prompt: str,
        *,
        model: str = "openai/plain",
        conversation: uuid.UUID | None = None,
        message: uuid.UUID | None = None,
        **more: Any,
    ) -> Sent:
        conversation, message = conversation or uuid.uuid4(), message or uuid.uuid4()
        fields = {"conversation": str(conversation), "message": str(message), "prompt": prompt, "model": model} | more
        return Sent(self.post("/turns/", fields), conversation, message)

    def stop(self, run: str) -> httpx.Response:
        return self.post(f"/runs/{run}/stop/")

    @contextmanager
    def page(self, server: WebServer | None = None, *, origin: str | None = None) -> Iterator[Page]:
        """An open page's socket, on this web process or another one."""
        server = server or self.server
        headers, claimed = {"Cookie": self._cookie}, Origin(origin or server.url)
        with connect(server.socket_url, additional_headers=headers, origin=claimed, proxy=None) as connection:
            yield Page(connection)


def wait_for(condition: Any, seconds: float = 20) -> Any:
    """Poll until `condition()` is true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def ended(run: str, seconds: float = 20) -> Message:
    """The reply of a run, once it has ended."""
    return wait_for(lambda: Message.objects.filter(run_id=run).exclude(status=Message.Status.STREAMING).first(), seconds)
