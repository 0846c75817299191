"""How much a page may be sent: Django reads a whole body before any view can say that it is too much."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MESSAGE = b"This is more than can be sent at once."


def is_too_large(scope: Any) -> bool:
    """Whether the request says itself that its body is over the cap."""
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return announced.isdigit() and int(announced) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE


async def refuse(send: Send) -> None:
    headers = {"content-type": "text/plain; charset=utf-8", "connection": "close", "x-content-type-options": "nosniff"}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 413, "headers": encoded})
    await send({"type": "http.response.body", "body": MESSAGE})


def capped(receive: Receive) -> Receive:
    """`receive` for a body that did not say how long it is: over the cap it ends as if its sender had gone."""
    taken = 0

    async def receive_capped() -> Any:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > settings.FILE_UPLOAD_MAX_MEMORY_SIZE else message

    return receive_capped
