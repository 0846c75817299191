"""The image and the compose file, checked without a container engine."""

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import compose_spec
import pytest

from tests.house.test_supply import direct_pins
from tests.house.tree import ROOT

OURS = ["migrate", "web", "worker", "beat"]
MONITORING = {"prometheus", "grafana"}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


def variables() -> dict[str, tuple[str, str]]:
    """Name of each variable that the compose file takes: `-` and its default, or `?` and what is said when it is missing."""
    return {match["name"]: (match["kind"], match["rest"]) for match in VARIABLE.finditer(compose_text())}


def services() -> dict[str, dict[str, Any]]:
    """The services as an engine sees them: variables filled in, anchors merged."""
    text = VARIABLE.sub(lambda match: match["rest"] if match["kind"] == "-" else f"{match['name'].lower()}-value", compose_text())
    compose = compose_spec.PyOptions(apply_merge=True).from_yaml(text)
    compose.validate()
    found: dict[str, dict[str, Any]] = compose.to_dict()["services"]
    return found


def test_the_compose_file_has_the_servers_and_our_processes():
    assert set(services()) == {"postgres", "valkey", *OURS, *MONITORING}
    assert services()["postgres"]["image"].startswith("pgvector/pgvector:")
    assert services()["valkey"]["image"].startswith("valkey/valkey:")


def test_foreign_images_are_pinned_to_a_version():
    images = [service["image"] for service in services().values() if "build" not in service]
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_the_servers_say_when_they_are_ready_and_keep_their_data(name):
    service = services()[name]
    assert service["healthcheck"]["test"]
    assert len(service["volumes"]) == 1


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_processes_without_a_page_have_a_health_check_of_their_own(name):
    assert services()[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_our_processes_wait_for_what_they_need(name):
    conditions = {other: needed["condition"] for other, needed in services()[name]["depends_on"].items()}
    ready = {"postgres": "service_healthy", "valkey": "service_healthy"}
    assert conditions == ready if name == "migrate" else {**ready, "migrate": "service_completed_successfully"}


@pytest.mark.parametrize("name", OURS)
def test_our_processes_share_one_image_without_the_embedded_servers(name):
    service = services()[name]
    assert service["image"] == "ollive"
    assert service["build"]["args"] == {"EMBEDDED": "no"}
    assert service["env_file"] == ".env"
    assert service["environment"]["DATABASE_URL"].endswith("@postgres:5432/ollive")
    assert service["environment"]["REDIS_URL"].endswith("@valkey:6379/0")


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_a_process_says_which_one_it_is(name):
    assert services()[name]["environment"]["OLLIVE_PROCESS"] == name


def test_only_the_pages_are_published_and_what_watches_them_to_this_machine_alone():
    published = {name: service["ports"] for name, service in services().items() if service.get("ports")}
    assert published == {"web": ["8000:8000"], "prometheus": ["127.0.0.1:9090:9090"], "grafana": ["127.0.0.1:3000:3000"]}


def test_what_watches_is_a_profile_that_is_on_unless_it_is_taken_out():
    assert {name for name, service in services().items() if service.get("profiles") == ["monitoring"]} == MONITORING
    assert "COMPOSE_PROFILES=monitoring" in (ROOT / ".env.example").read_text().splitlines()


def test_prometheus_shows_a_token_and_no_address_opens():
    """Behind Docker's network every caller looks like a neighbour."""
    assert services()["web"]["environment"]["OLLIVE_METRICS_ALLOW"] == "none"
    assert services()["prometheus"]["secrets"] == ["metrics_token"]
    assert "/run/secrets/metrics_token" in (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()


def test_processes_that_count_share_a_folder_in_memory():
    counting = [name for name in OURS if services()[name]["environment"].get("PROMETHEUS_MULTIPROC_DIR") == "/data/metrics"]
    assert counting == ["web", "worker"]
    assert all("metrics:/data/metrics" in services()[name]["volumes"] for name in counting)


def test_no_secret_has_a_default():
    secrets = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "SECRET_KEY", "OLLIVE_ENCRYPTION_KEYS", "GRAFANA_PASSWORD"}
    found = variables()
    assert secrets <= found.keys()
    assert {name: found[name][0] for name in secrets} == dict.fromkeys(secrets, "?")


def test_no_password_is_written_down():
    text = VARIABLE.sub("$", compose_text())
    written = re.findall(r"(?:PASSWORD|SECRET|KEYS?|AUTH)\w*: *(\S+)|://\w*:([^@\s]+)@|--requirepass, *\"?([^\",]+)", text)
    assert {value for values in written for value in values if value} == {"$"}


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing_in_the_dockerfile():
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_runs_everything_as_an_ordinary_user():
    assert re.findall(r"^USER (\d+)", dockerfile(), re.MULTILINE)[-1] != "0"
    assert re.findall(r"^CMD (.+)$", dockerfile(), re.MULTILINE) == ['["python", "manage.py", "up"]']


def healthcheck(port: int) -> int:
    environment = {"OLLIVE_PORT": str(port), "OLLIVE_ALLOWED_HOSTS": "chat.example.com,localhost"}
    return subprocess.run([sys.executable, ROOT / "deploy" / "healthcheck.py"], env=environment, check=False).returncode


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (301, 0), (500, 1)])
def test_the_image_is_healthy_while_its_web_process_answers(status, exit_code):
    asked: list[tuple[str, str]] = []

    class Web(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.handle_request).start()
        assert healthcheck(server.server_port) == exit_code
    assert asked == [("/health", "chat.example.com")]


def test_the_image_is_unhealthy_when_nobody_listens():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    assert healthcheck(port) == 1


def test_the_image_uses_the_installer_that_was_tested():
    assert re.findall(r"\buv==\S+", dockerfile()) == [pin for pin in direct_pins("requirements-dev") if pin.startswith("uv==")]


def test_what_the_image_copies_is_not_ignored():
    """`.dockerignore` leaves out everything but what it names: each thing it names exists, and each package is named."""
    named = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name for name in named if not (ROOT / name).exists()} == set()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    copied = " ".join(re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE)).split()
    assert packages | set(copied) - {"."} <= named
