"""Scripts of other sites: let in where the setting names them, with a key and without cookies, at doors and REST routes alike."""

from collections.abc import Iterator

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from ollive.origins import Origins
from tests.programs import client_of, make_token
from tests.server import WebServer, web_server

APP, EXTENSION = "https://app.example.org", "chrome-extension://abcdefghijklmnop"
ASKED = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type,idempotency-key"}


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[WebServer]:
    with web_server({"CORS_ORIGINS": f"{APP},chrome-extension://*"}) as server:
        yield server


@pytest.fixture
def site(server: WebServer, transactional_db: None, alice) -> Iterator[httpx.Client]:
    with client_of(server, make_token(alice, scopes=["ingest", "logs:read"])) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/ingest", "/api/v1/logs", "/api/v1/conversations"])
@pytest.mark.parametrize("origin", [APP, EXTENSION])
def test_a_browser_that_asks_first_is_told_what_may_be_sent(server, path, origin):
    answer = httpx.options(server.url + path, headers={"origin": origin, **ASKED})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type, idempotency-key"
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/logs"])
@pytest.mark.parametrize("origin", ["https://evil.example.org", "https://app.example.org.evil.example", "null", f"{APP}:444"])
def test_other_sites_are_let_in_nowhere(server, path, origin):
    answer = httpx.options(server.url + path, headers={"origin": origin, **ASKED})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    refused = httpx.get(f"{server.url}/api/v1/logs", headers={"origin": origin})
    assert "access-control-allow-origin" not in refused.headers
    assert refused.headers["vary"].count("Origin") == 1


def test_headers_that_a_page_of_ours_sends_are_not_for_other_sites(server):
    headers = {"origin": APP, **ASKED, "access-control-request-headers": "x-csrftoken, cookie, x-stainless-lang"}
    answer = httpx.options(f"{server.url}/api/v1/logs", headers=headers)
    assert answer.headers["access-control-allow-headers"] == "x-stainless-lang"


def test_an_answer_may_be_read_by_the_site_that_asked(site):
    read = site.get("/api/v1/logs", headers={"origin": APP})
    stored = site.post("/api/v1/ingest", json={"events": []}, headers={"origin": EXTENSION})
    assert (read.headers["access-control-allow-origin"], stored.headers["access-control-allow-origin"]) == (APP, EXTENSION)
    for answer in (read, stored):
        told = answer.headers["access-control-expose-headers"]
        assert {"X-Request-ID", "Retry-After", "x-ratelimit-remaining-requests", "Idempotent-Replayed"} <= {*told.split(", ")}


def test_refusals_can_be_read_too(server):
    answer = httpx.get(f"{server.url}/v1/models", headers={"origin": APP})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/settings/", "/docs"])
def test_pages_are_open_to_no_other_site(server, path):
    answer = httpx.get(server.url + path, headers={"origin": APP})
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-origin" not in httpx.options(server.url + path, headers={"origin": APP, **ASKED}).headers


def test_without_the_setting_no_site_is_let_in(program: httpx.Client):
    assert program.options("/api/v1/ingest", headers={"origin": APP, **ASKED}).status_code == 405
    assert "access-control-allow-origin" not in program.get("/health", headers={"origin": APP}).headers


def test_all_sites_can_be_let_in():
    origins = Origins(["*"])
    assert origins.allow("https://anything.example")
    assert origins.open("/v1/models")
    assert not origins.open("/settings/")


@pytest.mark.parametrize(
    "origin", ["app.example.org", "https://", "https://*", "https://*.example.org", "https://a.b/c", "https://u@a.b"]
)
def test_what_is_no_origin_is_refused_at_start(origin):
    with pytest.raises(ImproperlyConfigured, match="CORS_ORIGINS"):
        Origins([origin])
