"""`/metrics` asked over HTTP: what it tells, and whom."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import User
from ollive import metrics
from tests.programs import client_of, make_token
from tests.server import WebServer, database_away, web_server
from tests.telemetry.calls import append, started
from tests.up.installation import until

TOKEN = "a-token-of-prometheus"
PROMTOOL = "/usr/bin/promtool"  # of Debian's package prometheus; .ci/run fetches it


@pytest.fixture
def visitor(programs_server: WebServer, transactional_db: None) -> Iterator[httpx.Client]:
    with client_of(programs_server, "") as client:
        yield client


@pytest.fixture(scope="module")
def guarded(django_db_setup: None, tmp_path_factory) -> Iterator[WebServer]:
    """A web process that believes no address, and counts in a folder."""
    environment = {
        "OLLIVE_METRICS_ALLOW": "none",
        "OLLIVE_METRICS_TOKEN": TOKEN,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path_factory.mktemp("metrics")),
    }
    with web_server(environment) as server:
        yield server


def samples(text: str) -> dict[tuple[str, str], float]:
    """Each sample's value by its name and one label: path, kind, outcome, or none."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            label = next((sample.labels[name] for name in ("path", "kind", "outcome") if name in sample.labels), "")
            found[sample.name, label] = sample.value
    return found


def test_curl_on_this_machine_reads_what_the_seed_promises(visitor):
    append(started())
    answer = visitor.get("/metrics", headers={"Accept": "*/*"})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["x-trace-id"]
    told = samples(answer.text)
    assert told["ollive_inbox_events", ""] == 1
    assert told["ollive_events_total", "received"] == 1
    assert told["ollive_database_up", ""] == 1
    assert told["ollive_processes", "worker"] == 0
    for name in ("ollive_daily_active_users", "ollive_token_burn", "ollive_spool_bytes", "ollive_replies_running"):
        assert (name, "") in told


def test_promtool_finds_nothing_to_complain_of(visitor):
    text = visitor.get("/metrics").text
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    complaints = [
        line for line in checked.stderr.splitlines() if not line.startswith("http_request_duration_ms ")
    ]  # the seed's name
    assert complaints == []


def test_requests_are_counted_by_route_and_never_by_id(program):
    program.post("/api/v1/ingest", json={"events": []})
    program.post("/v1/nothing/like/this")
    program.get("/health")
    program.get("/c/3f2b8a30-0000-4000-8000-000000000000/")
    program.get("/no/such/page")

    def told() -> dict[tuple[str, str], float]:
        return samples(program.get("/metrics", headers={"Authorization": ""}).text)

    counted = told()
    for path in ("/api/v1/ingest", "/v1/*", "/health", "/c/{conversation_id}/", "(unmatched)", "/metrics"):
        assert counted.get(("http_requests_total", path), 0) + counted.get(("http_request_duration_ms_count", path), 0) > 0, path
    assert not [path for _, path in counted if "3f2b8a30" in path or "such" in path]


def test_the_same_is_told_as_openmetrics(visitor):
    answer = visitor.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_json_has_the_product_of_the_whole_installation(visitor):
    told = visitor.get("/metrics", headers={"Accept": "application/json"}).json()
    assert told.keys() == {
        "dau_last_30_days",
        "success_rate",
        "avg_latency_ms",
        "token_burn_last_30_days",
        "time_spent_samples",
    }
    assert len(told["dau_last_30_days"]) == 30


def test_a_browser_gets_the_page(visitor):
    answer = visitor.get("/metrics", headers={"Accept": "text/html,application/xhtml+xml"})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/accounts/login/")


def test_other_methods_and_head(visitor):
    assert visitor.head("/metrics").status_code == 200
    answer = visitor.post("/metrics")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "evil.example"},
    ],
    ids=["x-forwarded-for", "forwarded", "x-real-ip", "via", "another name"],
)
def test_behind_a_proxy_or_by_a_foreign_name_nobody_is_near(visitor, headers):
    answer = visitor.get("/metrics", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")
    assert "ollive_" not in answer.text


def near(address: str, *, host: str = "localhost") -> bool:
    return metrics._is_near({"client": (address, 50000)}, {"host": host})


def test_only_allowed_networks_are_near(settings):
    assert near("127.0.0.1")
    assert near("10.1.2.3", host="10.9.9.9:8000")  # Prometheus asks a pod by its address
    assert near("::ffff:192.168.3.4")
    assert not near("203.0.113.9")
    assert not near("")
    settings.OLLIVE_METRICS_ALLOW = ["203.0.113.0/24"]
    assert near("203.0.113.9")
    assert not near("127.0.0.1")


def test_where_a_proxy_is_trusted_no_address_is(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert not near("127.0.0.1")


def ask(server: WebServer, token: str, **headers: str) -> httpx.Response:
    with client_of(server, token) as client:
        return client.get("/metrics", headers=headers)


@pytest.mark.usefixtures("transactional_db")
def test_prometheus_shows_its_token_and_may_come_by_any_name(guarded):
    assert ask(guarded, "").status_code == 401
    assert ask(guarded, "another").status_code == 401
    assert ask(guarded, TOKEN, Host="10.0.0.7:8000").status_code == 200


def operators(user: User) -> User:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return user


@pytest.mark.usefixtures("transactional_db")
def test_an_operators_key_reads_all_and_others_read_their_workspace(guarded, alice, charlie):
    token = make_token(charlie, scopes=["metrics"])
    refused = ask(guarded, token)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_an_operator")
    assert ask(guarded, token, Accept="application/json").status_code == 200
    assert ask(guarded, make_token(operators(alice), scopes=["metrics"])).status_code == 200
    lacking = ask(guarded, make_token(alice, scopes=["chat", "ingest"]))
    assert (lacking.status_code, lacking.json()["code"]) == (403, "missing_scope")


@pytest.mark.usefixtures("transactional_db")
def test_while_the_database_is_away_what_was_counted_is_still_told(guarded):
    ask(guarded, TOKEN)
    with database_away():
        told = samples(ask(guarded, TOKEN).text)
    assert told["ollive_database_up", ""] == 0
    assert told["http_requests_total", "/metrics"] >= 1
    assert ("ollive_inbox_events", "") not in told
    until(lambda: samples(ask(guarded, TOKEN).text)["ollive_database_up", ""] == 1)


def test_a_page_has_its_line_in_the_log_with_the_doors_keys(visitor, programs_server):
    answers: list[Any] = [visitor.get("/health"), visitor.get("/share/a-secret-token/")]

    def lines(answer: httpx.Response) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in programs_server.log.splitlines() if line.startswith("{")]
        return [row for row in rows if row.get("trace_id") == answer.headers["x-trace-id"] and row["message"] == "request"]

    until(lambda: all(lines(answer) for answer in answers))
    (health,), (share,) = map(lines, answers)
    assert (health["method"], health["path"], health["status"]) == ("GET", "/health", 200)
    assert health["latency_ms"] > 0
    assert health["request_id"] == answers[0].headers["x-request-id"]
    assert share["path"] == "/share/{token}/"
    assert "a-secret-token" not in json.dumps(share)
