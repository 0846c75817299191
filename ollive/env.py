"""Where the settings' values come from: the environment, `.env`, and the data folder that `manage.py up` fills.

A variable of the environment always wins over `.env`, and both win over the data folder.
"""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
ENV_FILE = env.str("OLLIVE_ENV_FILE", default=str(BASE_DIR / ".env"))  # the tests set it to nothing: they read no one's keys
if Path(ENV_FILE).is_file():
    environ.Env.read_env(ENV_FILE)

DATA_DIR = Path(env.str("OLLIVE_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
SERVICES_FILE = DATA_DIR / "services.json"
COMMANDS_WITHOUT_SERVICES = {"up", "help", "--help", "version", "--version", "makemigrations", "collectstatic", "compilemessages"}


def services() -> dict[str, Any]:
    """What the running supervisor offers: `database_url`, `redis_url`, and `model` (`base_url`, `api_key`, `name`).

    Empty when nothing runs on this data folder.
    """
    try:
        found: dict[str, Any] = json.loads(SERVICES_FILE.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def database_url() -> str:
    """PostgreSQL's URL without a `+driver`, or an empty string when there is none yet."""
    url = env.str("DATABASE_URL", default="") or str(services().get("database_url", ""))
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


def redis_url() -> str:
    """Valkey's or Redis' URL, or an empty string when there is none yet."""
    return env.str("REDIS_URL", default="") or str(services().get("redis_url", ""))


def secret(name: str, *, nbytes: int = 32) -> str:
    """A secret of the installation: from the environment, else made once and kept in the data folder (mode 0600)."""
    given = env.str(name, default="")
    if given:
        return given
    path = DATA_DIR / "secrets" / name.lower()
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = secrets.token_urlsafe(nbytes)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(made)
        return made


def require_running_services(argv: list[str]) -> None:
    """End with one sentence where a command needs the database and nothing says where it is."""
    command = argv[1] if len(argv) > 1 else "help"
    if command in COMMANDS_WITHOUT_SERVICES or (database_url() and redis_url()):
        return
    sys.exit("Ollive is not running: make run (or set DATABASE_URL and REDIS_URL)")
