"""What other processes read of a running Ollive, and what a command says when there is none."""

import json

import pytest

from ollive import env
from ollive.up.data_folder import DataFolder
from ollive.up.failures import StartError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, file in (("SERVICES_FILE", "services.json"), ("LOCK_FILE", "up.lock")):
        monkeypatch.setattr(env, name, tmp_path / file)
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name)
    folder = DataFolder(tmp_path, env.SERVICES_FILE, env.LOCK_FILE)
    folder.open()
    yield folder
    folder.close()


def test_a_running_ollive_says_where_its_servers_are(folder):
    folder.offer({"database_url": "postgres+psycopg://a:b@127.0.0.1:1/c", "redis_url": "redis://127.0.0.1:2/0"})
    assert env.database_url() == "postgres://a:b@127.0.0.1:1/c"
    assert env.redis_url() == "redis://127.0.0.1:2/0"


def test_what_a_killed_ollive_left_counts_for_nothing(folder):
    folder.offer({"database_url": "postgres://127.0.0.1:1/c"})
    folder.close()
    assert json.loads(env.SERVICES_FILE.read_text())
    assert env.services() == {}


def test_a_command_says_that_ollive_is_not_running(folder):
    with pytest.raises(SystemExit, match=r"^Ollive is not running: make run"):
        env.require_running_services(["manage.py", "migrate"])


@pytest.mark.parametrize("arguments", [["up"], ["help"], ["migrate", "--help"], []])
def test_some_commands_need_no_server(folder, arguments):
    env.require_running_services(["manage.py", *arguments])


def test_one_folder_has_one_ollive(folder, tmp_path):
    second = DataFolder(tmp_path, env.SERVICES_FILE, env.LOCK_FILE)
    with pytest.raises(StartError, match="Ollive already runs on"):
        second.open()


def test_a_secret_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(env, "DATA_DIR", tmp_path)
    made = env.secret("A_SECRET")
    assert env.secret("A_SECRET") == made
    assert (tmp_path / "secrets" / "a_secret").stat().st_mode & 0o777 == 0o600
