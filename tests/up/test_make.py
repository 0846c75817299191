"""The scripts behind `make`, on a copy of what they read."""

import re
import shutil
import stat
import subprocess
import sys

import pytest

from ollive.env import BASE_DIR

TARGETS = set("help run test test-daphne check fmt e2e bench chaos up down logs psql vendor lock".split())
SECRETS = ("SECRET_KEY", "OLLIVE_ENCRYPTION_KEYS", "POSTGRES_PASSWORD", "VALKEY_PASSWORD")


@pytest.fixture
def copy(tmp_path):
    for name in ("Makefile", ".env.example", "requirements.txt", "requirements-dev.txt", "requirements-embedded.txt"):
        shutil.copy(BASE_DIR / name, tmp_path)
    shutil.copytree(BASE_DIR / "deploy", tmp_path / "deploy")
    return tmp_path


def run(folder, *command, **environment):
    environment = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def secrets_of(folder):
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", (folder / ".env").read_text(), re.MULTILINE))


def test_make_alone_lists_the_targets(copy):
    listed = re.findall(r"^  make ([a-z0-9-]+) ", run(copy, "make").stdout, re.MULTILINE)
    assert set(listed) >= TARGETS


def test_secrets_are_made_for_containers_and_only_their_owner_may_read_them(copy):
    run(copy, "deploy/make_env.sh")
    assert stat.S_IMODE((copy / ".env").stat().st_mode) == 0o600
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", secrets_of(copy)[name]) for name in SECRETS)


def test_secrets_stay_what_they_were(copy):
    (copy / ".env").write_text("VALKEY_PASSWORD=mine\nOPENAI_API_KEY=sk-mine\n")
    (copy / "var" / "secrets").mkdir(parents=True)
    (copy / "var" / "secrets" / "ollive_encryption_keys").write_text("made-by-make-run")
    run(copy, "deploy/make_env.sh")
    first = secrets_of(copy)
    run(copy, "deploy/make_env.sh")
    assert secrets_of(copy) == first
    assert (first["VALKEY_PASSWORD"], first["OPENAI_API_KEY"]) == ("mine", "sk-mine")
    assert first["OLLIVE_ENCRYPTION_KEYS"] == "made-by-make-run"


def test_an_old_python_is_named_in_a_sentence(copy):
    old = copy / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run(copy, "deploy/bootstrap.sh", "run", PYTHON=str(old))
    assert done.returncode == 1
    assert done.stderr.startswith("Ollive needs Python 3.11 or newer")


def test_nothing_is_installed_again_while_the_locks_stay_the_same(copy):
    (copy / ".venv" / "bin").mkdir(parents=True)
    (copy / ".venv" / "bin" / "python").symlink_to(sys.executable)
    hashes = run(copy, "sh", "-c", "cat requirements.txt requirements-embedded.txt | sha256sum").stdout.split()[0]
    (copy / ".venv" / "installed").write_text(f"run {hashes}\n")
    done = run(copy, "deploy/bootstrap.sh", "run", PYTHON=sys.executable)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (copy / ".uv").exists()
