"""Which door is at which address."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.entrance import Refused, Request, Response, Scope
from chat import v1
from chat.doors import documents, messages
from gateway.doors import completions, embeddings, models, responses, stateless, texts
from gateway.doors import messages as anthropic
from telemetry.doors import batch, ingest, litellm, otlp

MB = 1024 * 1024
JSON = ("application/json",)


@dataclass(frozen=True, slots=True)
class Door:
    """What lies behind an address: the scope that a key needs, and how large a body may be when it is decompressed.

    A streamed door gets its body in chunks. A watched one is canceled when its caller hangs up.
    """

    scope: Scope
    answer: Callable[[Request], Awaitable[Response]]
    cap: int = 5 * MB
    media_types: tuple[str, ...] = JSON
    is_streamed: bool = False
    is_watched: bool = False
    methods: tuple[str, ...] = ("POST",)
    refuse: Callable[[Refused, Mapping[str, str]], Response] | None = None  # where errors have a shape of their own
    document: Mapping[str, Any] | None = None  # an OpenAPI operation; what every door answers besides is added to it


async def nothing_here(request: Request) -> Response:
    """For every address under /v1 that has no door: clients of OpenAI's cannot read a page that says so."""
    raise Refused(404, "unknown_url", f"There is nothing at {request.method} {request.path[:200]}.")


DOORS: dict[str, Door] = {
    "/api/v1/ingest": Door("ingest", ingest.receive),
    "/api/v1/ingest/litellm": Door("ingest", litellm.receive, cap=litellm.CAP, media_types=litellm.MEDIA_TYPES),
    "/v1/traces": Door("ingest", otlp.receive, cap=otlp.CAP, media_types=otlp.MEDIA_TYPES, refuse=otlp.refuse),
    "/v1/events:batch": Door("ingest", batch.receive, cap=batch.CAP, is_streamed=True),
    "/v1/models": Door("chat", models.show_all, methods=("GET",)),
    "/v1/embeddings": Door("chat", embeddings.embed, cap=20 * MB, is_watched=True),
    "/v1/completions": Door("chat", texts.complete, cap=20 * MB, is_watched=True),
    "/v1/responses": Door("chat", responses.respond, cap=20 * MB, is_watched=True),
    "/v1/messages": Door("chat", anthropic.tell, cap=20 * MB, is_watched=True, refuse=anthropic.refuse),
    "/v1/messages/count_tokens": Door("chat", anthropic.count, cap=20 * MB, refuse=anthropic.refuse),
    "/v1/chat/completions": Door("chat", v1.beside(completions.complete), cap=20 * MB, is_watched=True),
    "/chat": Door("chat", stateless.reply, is_watched=True),
    "/chat/stream": Door("chat", stateless.stream, is_watched=True, methods=("GET", "POST")),
    "/v1/conversations": Door("chat", v1.make, document=documents.CREATE),
    "/v1/chat/completions.pb": Door(
        "chat", v1.complete_protobuf, media_types=v1.PROTOBUF, is_watched=True, document=documents.PROTOBUF
    ),
}

# Addresses with named pieces: `{id}` has no slash, `{path:id}` may have some. At a few of them Django has other methods.
PATTERNS: dict[str, Door] = {
    "/v1/models/{path:id}": Door("chat", models.show_one, methods=("GET",)),
    "/api/v1/conversations/{conversation_id}/messages": Door("chat", messages.send, is_watched=True, document=documents.SEND),
    "/api/v1/conversations/{conversation_id}/stream": Door(
        "chat", messages.stream, is_watched=True, methods=("GET",), document=documents.STREAM
    ),
    "/api/v1/conversations/{conversation_id}/cancel": Door("chat", messages.cancel, document=documents.CANCEL),
}

NOTHING_HERE = Door("chat", nothing_here, methods=("GET", "POST", "PUT", "PATCH", "DELETE"))


def find(method: str, path: str) -> tuple[Door, Mapping[str, str]] | None:
    """The door at this address and the named pieces of it; a slash at its end makes no difference. None: it is Django's."""
    if door := DOORS.get(path) or DOORS.get(path.removesuffix("/")):
        return door, {}
    for pattern, door in _compiled:
        if method in door.methods and (found := pattern.fullmatch(path.removesuffix("/"))):
            return door, found.groupdict()
    if not path.startswith("/v1/"):
        return None
    wrong = next((door for pattern, door in _compiled if pattern.fullmatch(path.removesuffix("/"))), NOTHING_HERE)
    return wrong, {}  # a door that has other methods says so itself


def methods_at(path: str) -> set[str]:
    """What may be asked of the doors at this address; nothing where there is none."""
    bare = path.removesuffix("/")
    found = [door for pattern, door in _compiled if pattern.fullmatch(bare)]
    if door := DOORS.get(path) or DOORS.get(bare):
        found.append(door)
    return {method for door in found for method in door.methods}


def address_of(door: Door, path: str) -> str:
    """The door's address with the names of its pieces, for what is counted by it: a path as it came may hold anything."""
    bare = path.removesuffix("/")
    return path if path in DOORS else bare if bare in DOORS else _addresses.get(id(door), "/v1/*")


def _expression(address: str) -> re.Pattern[str]:
    """The braces come escaped."""
    named = re.sub(r"\\\{path:(\w+)\\\}", r"(?P<\1>.+)", re.escape(address))
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", named))


_addresses = {id(door): re.sub(r"\{path:", "{", address) for address, door in PATTERNS.items()}
_compiled = [(_expression(address), door) for address, door in PATTERNS.items()]
