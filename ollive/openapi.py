"""The API as OpenAPI 3.1: what the REST routes declare, what the doors declare, and what every answer has besides."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import orjson
from django.conf import settings

from accounts.programs import Needs
from ollive import documented_doors, openapi_examples, openapi_parts
from ollive.api import api
from ollive.door_list import DOORS, PATTERNS, Door
from ollive.health import VERSION

PREFIX = "/api/v1/"
METHODS = {"get", "post", "put", "patch", "delete"}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]+$"},
    "description": "With the same body within a day it brings the first answer again, byte for byte; with another one, 409.",
}
PIECE = re.compile(r"\{(?:path:)?(\w+)\}")
Operation = dict[str, Any]


@cache
def as_json() -> bytes:
    return orjson.dumps(document())


@cache
def etag() -> str:
    return f'"{hashlib.sha256(as_json()).hexdigest()[:32]}"'


def document() -> dict[str, Any]:
    """The whole document, made anew."""
    rest = _plain(api.get_openapi_schema(path_prefix=PREFIX))
    paths: dict[str, Any] = deepcopy(openapi_parts.PAGES)
    for path, methods in rest["paths"].items():
        for method, operation in methods.items():
            paths.setdefault(path, {})[method] = operation
    _note_scopes(paths)
    for path, method, operation in _of_doors():
        paths.setdefault(path, {})[method] = operation
    for path, methods in paths.items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    _name(paths)
    components = deepcopy(openapi_parts.COMPONENTS)
    components["schemas"] = {**rest["components"]["schemas"], **documented_doors.SCHEMAS, **components["schemas"]}
    _exemplify(paths, components["schemas"])
    return {
        "openapi": "3.1.0",
        "info": {**openapi_parts.INFO, "version": VERSION},
        **({"servers": [{"url": settings.OLLIVE_PUBLIC_URL.rstrip("/")}]} if settings.OLLIVE_PUBLIC_URL else {}),
        "tags": openapi_parts.TAGS,
        "security": [{"key": []}],
        "paths": dict(sorted(paths.items())),
        "components": components,
    }


def _plain(schema: Any) -> Any:
    """As JSON would have it: ninja's own classes and numeric keys gone."""
    return orjson.loads(orjson.dumps(schema, default=str, option=orjson.OPT_NON_STR_KEYS))


def _note_scopes(paths: Mapping[str, Any]) -> None:
    """The scope that each REST route needs, from its `auth`."""
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            address = re.sub(
                r"{[^}:]+:", "{", "/".join(part for part in (PREFIX.rstrip("/"), router.prefix, path.lstrip("/")) if part)
            )
            for operation in view.operations:
                auth = next((auth for auth in operation.auth_callbacks or () if isinstance(auth, Needs)), None)
                for method in operation.methods:
                    declared = paths.get(address, {}).get(method.lower())
                    if declared is not None:
                        declared["security"] = [{"key": [scope]} for scope in auth.scopes] if auth else []


def _of_doors() -> Iterator[tuple[str, str, Operation]]:
    for path, door in {**DOORS, **PATTERNS}.items():
        address = PIECE.sub(r"{\1}", path)
        for method in door.methods:
            operation = deepcopy(dict(_declared(path, method.lower(), door)))
            operation["security"] = [{"key": [door.scope]}]
            operation.setdefault("parameters", [])
            known = {parameter.get("name") for parameter in operation["parameters"]}
            for name in PIECE.findall(path):
                if name not in known:
                    operation["parameters"].append(_piece(name, is_path="{path:" in path))
            if operation.get("requestBody"):
                operation["responses"].setdefault("415", _refusal(operation, path, 415))
            yield address, method.lower(), operation


def _declared(path: str, method: str, door: Door) -> Mapping[str, Any]:
    """The door's own operation, or one for each of its methods; else the one that is kept for it."""
    own = door.document or documented_doors.OPERATIONS.get(path, {})
    found: Mapping[str, Any] = own.get(method, {}) if own and own.keys() <= METHODS else own
    return found


def _piece(name: str, *, is_path: bool) -> dict[str, Any]:
    told = "It may hold slashes." if is_path else "An id."
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": told}


def _complete(path: str, method: str, operation: Operation) -> None:
    """What every operation has: its errors, and the headers of its answers."""
    for response in operation.setdefault("responses", {}).values():
        if stream := response.get("content", {}).get("text/event-stream"):
            stream["schema"] = {}  # the example shows the frames: a schema would be read as that of each event
    is_limited = bool(operation.get("x-limited"))
    for status in _errors(path, operation, is_limited=is_limited):
        operation["responses"].setdefault(str(status), _refusal(operation, path, status))
    if (
        is_limited
        and method == "post"
        and not any(part["name"] == IDEMPOTENCY["name"] for part in operation.get("parameters", ()))
    ):
        operation.setdefault("parameters", []).append(dict(IDEMPOTENCY))
    for status, response in operation["responses"].items():
        names = list(openapi_parts.IDS)
        names += openapi_parts.LIMITS if is_limited and status in {"200", "429"} else ()
        names += ["Idempotent-Replayed"] if is_limited and method == "post" and status == "200" else []
        names += ["Retry-After"] if status in {"429", "503"} else []
        headers = response.setdefault("headers", {})
        for name in names:
            headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _errors(path: str, operation: Operation, *, is_limited: bool) -> Iterator[int]:
    """The errors that may come, by where it is and what it takes."""
    if not path.startswith((PREFIX, "/v1/", "/chat")):
        return
    yield from (500, 503)
    if operation["security"]:
        yield from (401, 403)
    if operation.get("requestBody"):
        yield from (400, 413)
    if operation.get("parameters") and path.startswith(PREFIX):
        yield 400
    if not path.startswith("/v1/") and (operation.get("parameters") or operation.get("requestBody")):
        yield 422
    if any(part["name"] == IDEMPOTENCY["name"] for part in operation.get("parameters", ())):
        yield 409
    if "{" in path:
        yield 404
    if is_limited:
        yield from (400, 404, 409, 422, 429, 502, 504)


def _refusal(operation: Operation, path: str, status: int) -> dict[str, Any]:
    """The error, in the shape that it has at the address."""
    content = openapi_parts.error_content(status, is_openai=path.startswith("/v1/"))
    if own := operation.get("x-errors"):
        shape = {"schema": own["schema"], "example": own["example"]}
        content = {media_type: shape if "json" in media_type else {} for media_type in own["media_types"]}
    return {"description": openapi_parts.REASONS[status], "content": content}


def _exemplify(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    """An example for each body that has none."""
    for methods in paths.values():
        for operation in methods.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for media_type, content in [item for body in bodies for item in body.get("content", {}).items()]:
                if "json" in media_type and "schema" in content and not {"example", "examples"} & content.keys():
                    content["example"] = openapi_examples.example(content["schema"], schemas)


def _name(paths: Mapping[str, Any]) -> None:
    """An id for each operation, from its method and address, a tag that is known, and a summary."""
    known = {tag["name"] for tag in openapi_parts.TAGS}
    for path, methods in paths.items():
        for method, operation in methods.items():
            operation["operationId"] = re.sub(r"\W+", "_", f"{method}{path.removeprefix('/api/v1')}").strip("_")
            if not known.issuperset(operation.get("tags") or [""]):
                operation["tags"] = [_tag(path)]
            if not operation.get("summary"):
                operation["summary"] = re.split(r"[.:;](?:\s|$)", operation.get("description", operation["operationId"]))[0][:80]


def _tag(path: str) -> str:
    piece = path.removeprefix(PREFIX).removeprefix("/v1/").strip("/").split("/")[0]
    return openapi_parts.TAG_OF.get(piece, "Gateway" if path.startswith("/v1/") else "Service")
