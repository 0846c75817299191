"""What watches Ollive: the alert rules, by Prometheus' own tool, and the dashboards, whose every query must find something.

`promtool` is of Debian's package prometheus; `.ci/run` fetches it.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.utils import timezone

from ollive import metrics as door
from telemetry import metrics, observed
from tests.house.tree import ROOT
from tests.telemetry.calls import finished, record, started

PROMTOOL = Path("/usr/bin/promtool")
PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
# Grafana fills these in.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1d", "$path": ".*", "$provider": ".*", "$model": ".*"}
NAME = re.compile(r"[a-z_:][a-z0-9_:]*")
ASKED_FOR_LABELS = re.compile(r"(?:by|on|without) ?\(([^)]*)\)")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
PROMETHEUS_OWN = {"up", "ALERTS"}


def promtool(*arguments: object, text: str = "") -> None:
    assert PROMTOOL.exists(), "apt-get install --no-install-recommends prometheus brings promtool, which checks rules and queries"
    done = subprocess.run([PROMTOOL, *map(str, arguments)], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_its_configuration_and_rules():
    promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", "--lint-fatal", PROMETHEUS / "alerts.yml")


def test_each_alert_fires_when_it_should_and_none_on_an_ordinary_day():
    promtool("test", "rules", PROMETHEUS / "alerts_test.yml")
    stories = (PROMETHEUS / "alerts_test.yml").read_text()
    assert [alert["alert"] for alert in alerts() if alert["alert"] not in stories] == []


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def test_each_alert_says_how_grave_it_is_and_what_is_wrong():
    for alert in alerts():
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert alert["annotations"]["summary"]


def boards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}


def queries() -> Iterator[tuple[str, str]]:
    """Each query of the dashboards with the panel that asks it, variables filled in."""
    for name, board in boards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                expression = target["expr"]
                for variable, value in VARIABLES.items():
                    expression = expression.replace(variable, value)
                yield f"{name}: {panel['title']}", expression


def test_prometheus_understands_each_query(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": query} for number, (_, query) in enumerate(queries())]
    assert len(rules) > 50
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", file)


@pytest.fixture
def offered(db, transactional_db) -> dict[str, set[str]]:
    """The labels of each series that `/metrics` tells, by its name in queries."""
    record(started(started_at=timezone.now()), finished(latency_ms=100, started_at=timezone.now()))
    observed._usage._read_at = float("-inf")
    families = [*door._Figures(door._of_the_database()).collect(), *observed.state()]
    found = {
        family.name + suffix: {label for sample in family.samples for label in sample.labels} | {"le"}
        for family in families
        for suffix in SUFFIXES[family.type if family.type in SUFFIXES else "gauge"]
    }
    for metric in (metrics.http_requests, metrics.http_durations, metrics.call_durations, metrics.first_chunks):
        _add(found, metric)
    for metric in (
        metrics.token_usage,
        metrics.calls,
        metrics.costs,
        metrics.unpriced,
        metrics.digest_durations,
        metrics.digested,
    ):
        _add(found, metric)
    found["ollive_events_total"] |= {"outcome", "reason"}
    found["ollive_feed_waiting"] |= {"consumer"}
    return found


def _add(found: dict[str, set[str]], metric: Any) -> None:
    for suffix in SUFFIXES[metric._type]:
        found[metric._name + suffix] = {*metric._labelnames, "le"}


def names_in(query: str) -> set[str]:
    """The series that a query names: what is neither quoted, nor a label, nor a word of the language."""
    bare = ASKED_FOR_LABELS.sub("", re.sub(r"\{[^}]*\}", "", re.sub(r'"[^"]*"', "", query)))
    words = {word for word in NAME.findall(bare) if "_" in word or word in PROMETHEUS_OWN}
    return {word for word in words if not re.search(rf"\b{word}\(", bare) and word not in PROMETHEUS_OWN}


def labels_in(query: str) -> set[str]:
    asked = {label.strip() for found in ASKED_FOR_LABELS.findall(query) for label in found.split(",") if label.strip()}
    matched = {match for braces in re.findall(r"\{([^}]*)\}", query) for match in re.findall(r"(\w+)(?:=~|!~|!=|=)", braces)}
    return (asked | matched) - {"job", "instance"}


def test_dashboards_and_alerts_name_series_and_labels_that_exist(offered):
    asked = [*queries(), *((alert["alert"], alert["expr"]) for alert in alerts())]
    assert {(where, name) for where, query in asked for name in names_in(query) - offered.keys()} == set()
    known = set().union(*offered.values())
    assert {(where, label) for where, query in asked for label in labels_in(query) - known} == set()


def test_dashboards_are_told_apart_and_ask_the_provisioned_source():
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert len({board["uid"] for board in boards().values()}) == len(boards()) == 4
    for board in boards().values():
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        sources = [panel["datasource"]["uid"] for panel in board["panels"] if panel["type"] != "row"]
        assert set(sources) == {source["uid"]}


def test_no_panel_covers_another():
    for name, board in boards().items():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
            }
            assert not taken & cells, f"{name}: {panel['title']}"
            assert place["x"] + place["w"] <= 24
            taken |= cells


def test_the_document_names_every_series(offered):
    told = set(re.findall(r"`((?:http|gen_ai|ollive)_\w+)`", (ROOT / "docs" / "monitoring.md").read_text()))
    ours = {name for name in offered if name.startswith(("http_", "gen_ai_", "ollive_"))}
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) if name not in told else name for name in ours}
    assert ours - told == set()
    assert told - ours - set().union(*offered.values()) == set()
