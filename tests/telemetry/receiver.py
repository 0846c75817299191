"""A running server with a key of Alice's, as a program that hands in what it recorded meets it."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from telemetry import digest
from tests.server import ROOT, WebServer


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to send to, and with which headers."""

    server: WebServer
    token: str
    client: httpx.Client

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def send(self, path: str, content: bytes, media_type: str = "application/json", **headers: str) -> httpx.Response:
        return self.client.post(path, content=content, headers={"content-type": media_type, **headers})

    def run(self, *command: str, **environment: str) -> str:
        """Run a program of somebody else's, a module, in a process of its own; what it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            check=False, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def block(self, heading: str) -> str:
        """The Python under a heading of docs/integrations.md, with this server's address and key in it."""
        page = (ROOT / "docs" / "integrations.md").read_text()
        under = dict(re.findall(r"^## (\w+)[^\n]*\n\n```python\n(.*?)```", page, re.MULTILINE | re.DOTALL))
        return str(under[heading]).replace("http://127.0.0.1:8000", self.url).replace("olv_…", self.token)

    def settle(self) -> digest.Drained:
        """Digest what has arrived."""
        return digest.drain()
