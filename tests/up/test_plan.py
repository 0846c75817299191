"""Which servers are started here."""

import pytest

from ollive.up.data_folder import DataFolder
from ollive.up.plan import make_plan, wants_local_model

OWN_DATABASE, OWN_STORE = "postgres://someone:secret@db.example.com/name", "rediss://:secret@store.example.com:6380/0"


@pytest.fixture
def environment(monkeypatch):
    for name in ("DATABASE_URL", "REDIS_URL", "OLLIVE_LOCAL_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path, tmp_path / "services.json", tmp_path / "up.lock")


def test_everything_is_embedded_unless_it_is_replaced(environment, folder):
    plan = make_plan(folder)
    assert set(plan.services) == {"database_url", "redis_url", "model"}


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("DATABASE_URL", OWN_DATABASE, {"redis_url", "model"}),
        ("DATABASE_URL", OWN_DATABASE.replace("postgres:", "postgresql+asyncpg:"), {"redis_url", "model"}),
        ("REDIS_URL", OWN_STORE, {"database_url", "model"}),
        ("OPENAI_API_KEY", "sk-a-key", {"database_url", "redis_url"}),
        ("OLLAMA_BASE_URL", "http://127.0.0.1:11434/v1", {"database_url", "redis_url"}),
        ("OLLIVE_LOCAL_MODEL", "false", {"database_url", "redis_url"}),
    ],
)
def test_a_variable_replaces_one_server(environment, folder, name, value, left):
    environment.setenv(name, value)
    assert set(make_plan(folder).services) == left


def test_the_demo_model_stays_beside_a_key_when_asked(environment):
    environment.setenv("OPENAI_API_KEY", "sk-a-key")
    environment.setenv("OLLIVE_LOCAL_MODEL", "true")
    assert wants_local_model()


def test_servers_keep_their_passwords_over_a_restart(environment, folder):
    assert make_plan(folder).cluster.password == make_plan(folder).cluster.password
