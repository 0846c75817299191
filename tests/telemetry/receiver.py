"""A running server with a key of Alice's, as a program that hands in what it recorded meets it."""

import os
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

    def settle(self) -> digest.Drained:
        """Digest what has arrived."""
        return digest.drain()
