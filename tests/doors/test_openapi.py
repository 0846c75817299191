"""The API's document: nothing that is offered is missing from it, nothing in it is made up, and its examples hold."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.test import Client
from ninja import NinjaAPI

from accounts.entrance import SCOPES
from ollive import documented_doors, openapi
from ollive.api import api
from ollive.door_list import DOORS, PATTERNS

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each body with JSON in it, by where it stands."""
    bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
    for where, body in bodies.items():
        for media_type, content in body.get("content", {}).items():
            if "json" in media_type:
                yield where, content


def offered(api: NinjaAPI) -> set[str]:
    routes = {
        f"{method} /api/v1{re.sub(r'{[^}:]+:', '{', path)}"
        for router in api._get_bound_routers()
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    }
    doors = {
        f"{method} {re.sub(r'{path:', '{', path)}" for path, door in {**DOORS, **PATTERNS}.items() for method in door.methods
    }
    return routes | doors


def test_every_route_and_every_door_is_in_it(document):
    assert offered(api) - {name for name, _ in operations(document)} == set()


def test_every_door_says_itself_what_it_takes_and_answers():
    doors = {**DOORS, **PATTERNS}
    assert [path for path, door in doors.items() if not door.document and path not in documented_doors.OPERATIONS] == []


def test_nothing_else_is_in_it_but_the_service_itself(document):
    pages = {"GET /health", "GET /healthz", "GET /ready", "GET /openapi.json", "GET /metrics", "GET /"}
    assert {name for name, _ in operations(document)} - offered(api) <= pages


def test_each_operation_says_what_it_is_and_who_may(document):
    tags = {tag["name"] for tag in document["tags"]}
    vague = [
        name
        for name, operation in operations(document)
        if not operation.get("summary") or not set(operation["tags"]) <= tags or "security" not in operation
    ]
    assert vague == []
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    needed = {scope for _, operation in operations(document) for one in operation["security"] for scope in one.get("key", ())}
    assert needed <= {*SCOPES}


def test_each_operation_with_a_key_tells_its_refusals(document):
    keyed = [
        (name, operation) for name, operation in operations(document) if operation["security"] and {} not in operation["security"]
    ]
    assert [name for name, operation in keyed if not {"401", "403", "500", "503"} <= operation["responses"].keys()] == []
    asking = [(name, operation) for name, operation in keyed if operation.get("x-limited")]
    assert {"POST /v1/chat/completions", "POST /v1/embeddings", "POST /chat"} <= {name for name, _ in asking}
    for name, operation in asking:
        assert {"429", "502", "504"} <= operation["responses"].keys(), name
        assert {"Retry-After", "x-ratelimit-remaining-requests"} <= operation["responses"]["429"]["headers"].keys(), name


def test_errors_have_the_shape_of_their_address(document):
    for name, operation in operations(document):
        if "401" in operation["responses"] and "x-errors" not in operation:
            (media_type,) = operation["responses"]["401"]["content"]
            assert media_type == ("application/json" if " /v1/" in name else "application/problem+json"), name


def test_every_example_holds(document):
    """What was written by hand and what was made from a schema alike."""
    broken = []
    for name, operation in operations(document):
        for where, content in contents(operation):
            told = (
                [content["example"]] if "example" in content else [one["value"] for one in content.get("examples", {}).values()]
            )
            if "schema" in content and not told:
                broken.append(f"{name} {where}: there is none")
            validator = jsonschema.Draft202012Validator({**content.get("schema", {}), "components": document["components"]})
            broken += [f"{name} {where}: {error.message[:200]}" for one in told for error in validator.iter_errors(one)]
    assert broken == []


def test_every_schema_is_one_and_every_reference_leads_somewhere(document):
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in set(re.findall(r'"#/([^"]+)"', openapi.as_json().decode())):
        found: Any = document
        for piece in reference.split("/"):
            found = found[piece]


def test_it_is_served_and_not_sent_twice(client: Client):
    answer = client.get("/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.json()["info"]["version"]
    assert client.get("/openapi.json", headers={"if-none-match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_pages_policy_is_opened_no_wider_than_they_need(client: Client, db, path):
    policy = client.get(path).headers["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "worker-src blob:" in policy
    assert "connect-src 'self'" in policy
    other = client.get("/accounts/login/").headers["Content-Security-Policy"]
    assert "unsafe-inline" not in other
    assert "blob:" not in other
