"""Where people come in: the listening socket, its address in words, and the question whether someone answers there."""

import asyncio
import contextlib
import errno
import socket

from ollive.env import env
from ollive.up.failures import StartError

BACKLOG = 2048
ALIVE = {200, 301}  # 301: plain HTTP is sent on to https://


def open_door() -> socket.socket:
    """The socket that the web process serves. It is ours, so a new web process finds the connections that wait in it."""
    host, port = env.str("OLLIVE_HOST", default="127.0.0.1"), _port()
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartError(f"Port {port} is taken by another program: stop it, or set OLLIVE_PORT to another port.") from None
        raise StartError(
            f"Ollive cannot listen on {host}, port {port} ({error.strerror}): set OLLIVE_HOST or OLLIVE_PORT."
        ) from None


def _port() -> int:
    text = env.str("OLLIVE_PORT", default="") or "8000"
    if not text.isdecimal() or int(text) > 65535:
        raise StartError(f"OLLIVE_PORT is {text!r} and not a port: give a number up to 65535.")
    return int(text)


def address(door: socket.socket) -> str:
    """What a person types, with a slash at the end."""
    if public := str(env.str("OLLIVE_PUBLIC_URL", default="")).rstrip("/"):
        return f"{public}/"
    host, port = _reachable(door)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _reachable(door: socket.socket) -> tuple[str, int]:
    host, port = door.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 - it is translated, not bound


async def await_answer(door: socket.socket, *, seconds: float) -> None:
    """Return when the web process answers `GET /health`. Until it takes the connection we wait in its queue."""
    try:
        async with asyncio.timeout(seconds):
            await _await_answer(door)
    except TimeoutError:
        raise StartError(
            f"Ollive cannot start: its web process does not answer after {seconds:g} s; its lines say why."
        ) from None


async def _await_answer(door: socket.socket) -> None:
    name = next(iter(env.list("OLLIVE_ALLOWED_HOSTS", default=[])), "localhost").lstrip(".").replace("*", "localhost")
    while await _status(*_reachable(door), name=name) not in ALIVE:  # noqa: ASYNC110 - the event is in another process
        await asyncio.sleep(0.05)


async def _status(host: str, port: int, *, name: str) -> int:
    """The answer's status; 0 where there is none, as when the process dies of it."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
        with contextlib.closing(writer):
            writer.write(f"GET /health HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            line = await reader.readline()
    except OSError:
        return 0
    words = line.split()
    return int(words[1]) if len(words) > 1 else 0
