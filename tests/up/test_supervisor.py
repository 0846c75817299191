"""`manage.py up`, seen from outside: it starts, heals, stops and recovers."""

import json
import os
import re
import signal
import stat
import urllib.request
from functools import partial

import psutil
import psycopg
import pytest

from ollive.up.launch import NOBODY
from tests.up.installation import Installation, is_gone, until
from tests.up.visitor import Visitor


@pytest.fixture(scope="module")
def ollive():
    """One for all tests of this module: each leaves it running and whole."""
    installation = Installation(OLLIVE_LOCAL_MODEL="true")
    installation.start()
    yield installation
    assert_it_stops(installation, signal.SIGTERM)
    installation.remove()


def assert_it_stops(installation, number):
    processes = installation.processes()
    os.kill(installation.pid, number)
    assert installation.wait() == 0
    assert all(is_gone(process) for process in processes)
    assert not (installation.data / "services.json").exists()
    assert "database system is shut down" in installation.output


def is_whole(ollive):
    return (
        all(ollive.part(name) for name in ("postgres", "valkey", "model", "web", "worker", "beat"))
        and ollive.status("/ready") == 200
    )


def test_it_is_ready_with_all_its_parts(ollive):
    until(lambda: is_whole(ollive))
    assert f"Ollive is ready: http://127.0.0.1:{ollive.port}/" in ollive.output


def test_only_its_user_may_read_what_it_offers(ollive):
    path = ollive.data / "services.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["supervisor_pid"] == ollive.pid


def test_passwords_are_on_no_command_line(ollive):
    services = json.loads((ollive.data / "services.json").read_text())
    secrets = [url.split(":")[2].split("@")[0] for url in (services["database_url"], services["redis_url"])]
    lines = [" ".join(process.cmdline()) for process in ollive.processes()]
    assert not [line for line in lines for secret in [*secrets, services["model"]["api_key"]] if secret in line]


def test_beat_keeps_the_worker_at_work(ollive):
    with psycopg.connect(json.loads((ollive.data / "services.json").read_text())["database_url"], autocommit=True) as connection:
        signs = (
            "SELECT count(*) FROM telemetry_process WHERE kind = 'worker' AND beat_at > statement_timestamp() - interval '9 s'"
        )
        until(lambda: connection.execute(signs).fetchone() == (1,))


def test_embedded_servers_listen_on_the_loopback_address_only(ollive):
    for name in ("postgres", "valkey", "model"):
        until(partial(listeners_of, ollive, name))
        assert set(listeners_of(ollive, name)) == {"127.0.0.1"}


def listeners_of(ollive, name):
    process = ollive.part(name)
    connections = process.net_connections() if process else []
    return [connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN]


@pytest.mark.parametrize("name", ["postgres", "valkey", "model", "web", "worker", "beat"])
def test_it_starts_a_killed_part_again(ollive, name):
    until(lambda: is_whole(ollive))
    killed = ollive.part(name)
    killed.kill()
    until(lambda: is_gone(killed) and is_whole(ollive) and ollive.part(name).pid != killed.pid)


def test_what_a_killed_web_process_counted_stays_counted(ollive):
    """Each process counts in a file of the data folder, and whichever is asked tells the sum."""
    before = answered(ollive, "/nowhere")
    for _ in range(3):
        ollive.status("/nowhere")
    killed = ollive.part("web")
    killed.kill()
    until(lambda: is_gone(killed) and is_whole(ollive))
    assert answered(ollive, "/nowhere") >= before + 3
    until(lambda: any(path.name.startswith("histogram_worker") for path in (ollive.data / "metrics").iterdir()))


def answered(ollive, path):
    """How many requests that led nowhere the installation has counted, with this one."""
    ollive.status(path)
    text = urllib.request.urlopen(f"http://127.0.0.1:{ollive.port}/metrics", timeout=10).read().decode()
    return float(re.search(r'http_requests_total{method="GET",path="\(unmatched\)",status="404"} (\S+)', text)[1])


def test_a_second_one_on_the_same_folder_ends_with_a_sentence(ollive):
    second = Installation(OLLIVE_DATA_DIR=str(ollive.data))
    second.begin()
    assert second.wait() == 1
    assert second.output == f"Ollive already runs on {ollive.data} (process {ollive.pid}): stop it, or set OLLIVE_DATA_DIR.\n"
    second.remove()


def test_killing_it_leaves_no_orphan_and_the_next_one_recovers(ollive):
    until(lambda: is_whole(ollive))
    processes = ollive.processes()
    os.kill(ollive.pid, signal.SIGKILL)
    assert ollive.wait() == -signal.SIGKILL
    until(lambda: all(is_gone(process) for process in processes))
    ollive.start()
    until(lambda: is_whole(ollive))


def assert_the_owner_can_come_in(installation):
    owner = Visitor(installation.port)
    assert 'id="transcript"' in owner.sign_in(installation.sign_in_path)
    assert owner.ask({"type": "ping"}) == {"v": 1, "type": "pong"}


def test_the_printed_link_leads_to_a_live_page(ollive):
    assert_the_owner_can_come_in(ollive)


def test_it_starts_for_a_user_who_may_do_nothing_else():
    """And on the other server."""
    installation = Installation(NOBODY if os.geteuid() == 0 else None, OLLIVE_SERVER="daphne")
    installation.start()
    assert_the_owner_can_come_in(installation)
    assert_it_stops(installation, signal.SIGINT)
    installation.remove()
