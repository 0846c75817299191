"""The commands that containers run: one prepares the installation, one serves the pages and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from ollive.up.launcher import free_port
from tests.house.tree import ROOT


@pytest.fixture
def served(tmp_path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A web process of its own, and its address."""
    port = free_port()
    environment = {**os.environ, "OLLIVE_PROCESS": "web", "OLLIVE_PORT": str(port), "OLLIVE_DATA_DIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment) as process:
        yield process, f"http://127.0.0.1:{port}"
        process.kill()


def ask(address: str, process: subprocess.Popen[bytes]) -> int:
    while process.poll() is None:
        try:
            with urlopen(address) as answer:
                return int(answer.status)
        except URLError:
            time.sleep(0.1)
    raise AssertionError("The web process ended.")


@pytest.mark.django_db(transaction=True)
def test_prepare_makes_the_owner_and_says_how_to_come_in(capsys):
    call_command("prepare")
    assert "http://127.0.0.1:8000/accounts/link/" in capsys.readouterr().out
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_prepare_prints_no_link_for_an_owner_with_a_password(capsys, monkeypatch):
    monkeypatch.setenv("OLLIVE_ADMIN_EMAIL", "alice@example.com")
    monkeypatch.setenv("OLLIVE_ADMIN_PASSWORD", "a long enough password")
    call_command("prepare")
    assert capsys.readouterr().out == "Ollive is prepared. Its owner is alice@example.com.\n"


def test_serve_answers_until_it_is_asked_to_end(served):
    process, address = served
    assert ask(f"{address}/health", process) == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) in {0, -signal.SIGTERM}


def test_serve_says_when_its_port_is_taken(served, monkeypatch):
    process, address = served
    ask(f"{address}/health", process)
    monkeypatch.setenv("OLLIVE_PORT", address.rpartition(":")[2])
    with pytest.raises(CommandError, match="is taken by another program"):
        call_command("serve")
