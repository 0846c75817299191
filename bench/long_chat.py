"""How long the server takes to open a conversation of 500 messages, and to load what lies further up.

`python -m bench.long_chat [--messages 500] [--rounds 20]`: branches, code, tables and reasoning, asked over HTTP of one web
process after a few rounds to warm up. The target is 100 ms for opening.
"""

import argparse
import re
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from bench.stack import servers, start_web

TARGET_MS = 100
TOKEN = "b" * 32
PROSE = "The parts of the whole are read in order, and what is read is kept for the next one who asks. " * 4
CODE = "```python\ndef total(rows: list[dict[str, int]]) -> int:\n    return sum(row['count'] for row in rows)\n```\n\n"
TABLE = "| step | what | cost |\n|---|:---:|---:|\n" + "".join(f"| {n} | part {n} | {n * 3} |\n" for n in range(12)) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with servers() as stack:
        conversation, cookie, path = _seed(given.messages)
        url = start_web(stack)
        print("what                         p50 ms   p95 ms   CPU ms     kB")
        with httpx.Client(base_url=url, headers={"Cookie": cookie}, trust_env=False, timeout=30) as client:
            page = client.get(f"/c/{conversation}/").text
            older = re.search(r'data-older="([^"]+)"', page)
            assert older, "the page has no way to what lies further up"
            first = re.findall(r'<article id="message-([0-9a-f-]{36})"', page)
            assert len(first) == 50, len(first)
            for name, ask in (
                ("open", lambda: client.get(f"/c/{conversation}/")),
                ("open at a message far up", lambda: client.get(f"/c/{conversation}/?at={path[4]}")),
                ("older messages", lambda: client.get(older[1])),
                ("switch at the first prompt", lambda: _post(client, cookie, f"/messages/{path[0]}/show/", {})),
                ("send", lambda: _send(client, cookie, conversation)),
            ):
                row = _measure(ask, given.rounds, lambda: stack.cpu_seconds("web"))
                print(f"{name:27} {row}", flush=True)
        print(f"Opening is to take {TARGET_MS} ms at most.")


def _measure(ask: Callable[[], httpx.Response], rounds: int, cpu: Callable[[], float]) -> str:
    for _ in range(3):
        ask()
    times, size, before = [], 0, cpu()
    for _ in range(rounds):
        started = time.perf_counter()
        answer = ask()
        times.append((time.perf_counter() - started) * 1000)
        answer.raise_for_status()
        size = len(answer.content)
    spent = (cpu() - before) * 1000 / rounds
    times.sort()
    p50, p95 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.95))]
    return f"{p50:8.1f} {p95:8.1f} {spent:8.1f} {size / 1000:6.0f}"


def _post(client: httpx.Client, cookie: str, path: str, fields: dict[str, str]) -> httpx.Response:
    headers = {"Cookie": f"{cookie}; ollive_csrftoken={TOKEN}", "X-CSRFToken": TOKEN, "HX-Request": "true"}
    return client.post(path, data=fields, headers=headers)


def _send(client: httpx.Client, cookie: str, conversation: uuid.UUID) -> httpx.Response:
    """The reply before is waited for, which is no part of the answer's time."""
    from chat.models import Message

    while Message.objects.filter(conversation_id=conversation, status="streaming").exists():
        time.sleep(0.02)
    fields = {"conversation": str(conversation), "message": str(uuid.uuid4()), "prompt": "And then?", "model": "openai/plain"}
    return _post(client, cookie, "/turns/", fields)


def _seed(count: int) -> tuple[uuid.UUID, str, list[uuid.UUID]]:
    """The conversation, its owner's cookie, and its shown branch."""
    from django.conf import settings
    from django.test import Client
    from django.utils import timezone

    from accounts.models import Membership, User, Workspace
    from chat.models import Conversation, Message

    workspace, owner = Workspace.objects.create(name="Bench"), User.objects.create(email="bench@example.com")
    Membership.objects.create(user=owner, workspace=workspace, role="owner")
    conversation = Conversation.objects.create(workspace=workspace, owner=owner, title="Long", model="openai/plain")
    began_at = timezone.now() - timedelta(days=2)
    messages: list[Message] = []
    path: list[uuid.UUID] = []
    parent: Message | None = None
    for turn in range(count // 2):
        place: dict[str, Any] = {"conversation": conversation, "created_at": began_at + timedelta(minutes=turn)}
        prompt = Message(role="user", parent=parent, position=len(messages), content=f"Question {turn}. {PROSE}", **place)
        messages.append(prompt)
        for version in range(2 if turn % 10 == 0 else 1):
            parent = _reply(prompt, len(messages), turn + version, place)
            messages.append(parent)
        assert parent is not None
        path += [prompt.id, parent.id]
    Message.objects.bulk_create(messages, batch_size=200)
    client = Client()
    client.force_login(owner)
    return conversation.id, f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}", path


def _reply(prompt: Any, position: int, number: int, place: dict[str, Any]) -> Any:
    from chat.models import Message
    from chat.render import RENDERER_VERSION, render

    content = PROSE + "\n\n" + (CODE * 2, TABLE, "1. One\n2. Two\n\n")[number % 3] + PROSE
    reasoning = "First this, then that. " * 20 if number % 4 == 0 else ""
    return Message(
        role="assistant",
        parent=prompt,
        position=position,
        content=content,
        html=render(content),
        renderer_version=RENDERER_VERSION,
        reasoning=reasoning,
        reasoning_html=render(reasoning) if reasoning else "",
        reasoning_ms=4200 if reasoning else None,
        run_id=uuid.uuid4(),
        model="openai/plain",
        prompt_tokens=1800,
        completion_tokens=260,
        usage_source="provider",
        ttft_ms=320,
        latency_ms=4100,
        trace_id=uuid.uuid4().hex,
        **place,
    )


if __name__ == "__main__":
    main()
