"""The curl commands of a document, ready to be run against a server of ours, and the answers that it shows for them."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
COMMAND = re.compile(r"^curl .*?(?=\n```|\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"\s*(?:```\s*)?Response[^\n]*:\s*\n(?:```\w*\n)?(.*?)(?=\n```|\n\s*\n[^{d\n]|\Z)", re.DOTALL)
HOST = re.compile(r"http://(?:localhost|127\.0\.0\.1):\d+")
ADDRESS = re.compile(r'http://[^\s"]+')
STATUS = "\n%{http_code} %{content_type}"


@dataclass(frozen=True)
class Curl:
    """One command as it stands in the document, and what stands there under "Response:"."""

    text: str
    shown: str

    @property
    def name(self) -> str:
        method = "POST" if "-X POST" in self.text else "GET"
        address = ADDRESS.search(self.text)
        assert address is not None
        return f"{method} {HOST.sub('', address[0])}"


@dataclass(frozen=True)
class Answer:
    status: int
    media_type: str
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def curls_of(document: str) -> list[Curl]:
    text = (FOLDER / document).read_text()
    found = []
    for command in COMMAND.finditer(text):
        shown = SHOWN.match(text, command.end())
        found.append(Curl(command[0], shown[1].strip() if shown else ""))
    return found


def run(curl: Curl, base_url: str, folder: Path, *, token: str = "", known: Mapping[str, str] | None = None) -> Answer:
    """Run it in a shell, with our host and what it leaves to the reader: ids, and the key where it sends none."""
    # A backslash with spaces behind it continues no line: that is how Markdown breaks one.
    command = "\n".join(line.rstrip() for line in curl.text.splitlines())
    command = HOST.sub(base_url, command)
    for placeholder, value in (known or {}).items():
        command = command if placeholder.isupper() else command.replace(placeholder, value)  # the shell knows its variables
    extra = f"-s -w {shlex.quote(STATUS)}"
    if token and "Authorization" not in command:
        extra += f" -H {shlex.quote(f'Authorization: Bearer {token}')}"
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*", "TOKEN": token, **(known or {})}
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", f"curl {extra} ", 1)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    body, _, last = done.stdout.rpartition("\n")
    status, _, media_type = last.partition(" ")
    return Answer(int(status), media_type, body)


def lacks(shown: Any, given: Any, where: str = "") -> list[str]:
    """What the document shows and our answer has not, or has of another type."""
    if isinstance(shown, dict):
        if not isinstance(given, dict):
            return [f"{where} is no object"]
        missing = [f"{where}.{name}" for name in shown.keys() - given.keys()]
        return missing + [
            problem for name in shown.keys() & given.keys() for problem in lacks(shown[name], given[name], f"{where}.{name}")
        ]
    kinds = (int, float) if isinstance(shown, float) else type(shown)
    return [] if isinstance(given, kinds) else [f"{where} is {given!r}, not like {shown!r}"]
