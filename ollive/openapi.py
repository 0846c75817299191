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
        "servers": [{"url": settings.OLLIVE_PUBLIC_URL.rstrip("/") or "/"}],
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
                _refusals(operation, path, 400, 413, 415)
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
    responses = operation.setdefault("responses", {})
    responses.setdefault("200", {"description": "OK"}) if not responses else None
    if operation.get("security", [{}]) and operation.get("security") != []:
        _refusals(operation, path, 401, 403, 429 if _is_limited(operation, path) else None, 500, 503)
    elif path.startswith((PREFIX, "/v1/")):
        _refusals(operation, path, 500, 503)
    if path.startswith(PREFIX) and (operation.get("parameters") or operation.get("requestBody")):
        _refusals(operation, path, 422)
    if path.startswith(PREFIX) and operation.get("requestBody"):
        _refusals(operation, path, 400, 413)
    if "{" in path:
        _refusals(operation, path, 404)
    for status, response in responses.items():
        if "$ref" not in response:
            limits = openapi_parts.LIMITS if _is_limited(operation, path) and status in {"200", "429"} else ()
            retry = ("Retry-After",) if status in {"429", "503"} else ()
            headers = response.setdefault("headers", {})
            for name in (*openapi_parts.IDS, *limits, *retry):
                headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _is_limited(operation: Operation, path: str) -> bool:
    """Whether it asks a model, so that the key's limits apply."""
    return bool(operation.get("x-limited"))


def _refusals(operation: Operation, path: str, *statuses: int | None) -> None:
    """The errors, in the shape that they have at the address."""
    own = operation.get("x-errors")
    for status in (status for status in statuses if status):
        content = (
            {own["media_type"]: {"schema": own["schema"]}}
            if own
            else openapi_parts.error_content(status, is_openai=path.startswith("/v1/"))
        )
        operation["responses"].setdefault(str(status), {"description": openapi_parts.REASONS[status], "content": content})


def _exemplify(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    """An example for each body that has none."""
    for methods in paths.values():
        for operation in methods.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for media_type, content in [item for body in bodies for item in body.get("content", {}).items()]:
                if "json" in media_type and "schema" in content and not {"example", "examples"} & content.keys():
                    content["example"] = openapi_examples.example(content["schema"], schemas)


def _name(paths: Mapping[str, Any]) -> None:
    """An id for each operation, from its method and address, and a summary from what it is described by."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            operation["operationId"] = re.sub(r"\W+", "_", f"{method}{path.removeprefix('/api/v1')}").strip("_")
            described = operation.get("description", "").strip()
            if described and "\n" not in described and len(described) <= 80:
                operation["summary"] = described.rstrip(".")
            operation.setdefault("tags", [_tag(path)])


def _tag(path: str) -> str:
    piece = path.removeprefix(PREFIX).removeprefix("/v1/").strip("/").split("/")[0]
    return openapi_parts.TAG_OF.get(piece, "Gateway" if path.startswith("/v1/") else "Service")
