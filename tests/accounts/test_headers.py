"""What every answer carries, and what an installation behind TLS adds to it."""

import os
import subprocess
import sys

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.house.tree import ROOT

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def fail(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("made to fail")


urlpatterns = [path("made-to-fail", fail), path("", include("ollive.urls"))]


def directives(answer) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in parts}


EXPECTED = directives({"Content-Security-Policy": POLICY})


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/accounts/login/", 200),
        ("/", 302),
        ("/nothing/here/", 404),
        ("/made-to-fail", 500),
        ("/accounts/link/made-up/", 410),
        ("/static/css/base.css", 200),
        ("/static/admin/css/base.css", 200),
        ("/health", 200),
        ("/admin/", 302),
    ],
)
def test_every_answer_carries_the_policy(client, db, url, status):
    client.raise_request_exception = False
    answer = client.get(url)
    answer.close()
    assert answer.status_code == status
    assert directives(answer) == EXPECTED
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


def test_a_refused_host_carries_it_too(client):
    answer = client.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert directives(answer) == EXPECTED


def test_a_form_without_its_token_carries_it_too(alice):
    from django.test import Client

    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {})
    assert answer.status_code == 403
    assert directives(answer) == EXPECTED


def test_the_redirect_to_tls_carries_it_too_and_probes_are_not_redirected(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = client.get("/accounts/login/")
    assert answer["Location"].startswith("https://")
    assert directives(answer) == EXPECTED
    assert client.get("/health").status_code == 200


def test_an_error_says_nothing_of_the_inside(client, db, settings):
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    assert b"made to fail" not in client.get("/made-to-fail").content


def in_production(*arguments: str) -> str:
    """What `manage.py` says in an installation behind TLS."""
    environment = os.environ | {"ENVIRONMENT": "production", "OLLIVE_PUBLIC_URL": "https://chat.example.com"}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_deployment_check_finds_nothing_behind_tls():
    assert "no issues (0 silenced)" in in_production("check", "--deploy", "--fail-level", "INFO")


def test_behind_tls_cookies_are_bound_to_the_host_and_the_public_address_is_served():
    script = (
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, "
        "s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, s.SESSION_COOKIE_DOMAIN, "
        "s.SESSION_COOKIE_PATH, 'chat.example.com' in s.ALLOWED_HOSTS, s.CSRF_TRUSTED_ORIGINS, s.DEBUG)"
    )
    said = in_production("shell", "--no-imports", "-c", script)
    assert said.split() == [
        *("__Host-sessionid", "__Host-csrftoken", "True", "True", "True", "Lax", "None", "/"),
        *("True", "['https://chat.example.com']", "False"),
    ]
