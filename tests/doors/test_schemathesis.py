"""Schemathesis asks every operation of /openapi.json for what it may be asked, and for what it may not.

No answer is a server error, and none is other than the document says: status, media type, headers and body. That all it makes up
is accepted is not asked for: a schema cannot say that a cursor must be one of ours. The protobuf twin has a client of its own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.entrance import SCOPES
from tests.programs import make_token
from tests.server import WebServer, web_server

EXAMPLES = 3
SECONDS = 200  # on a machine that does much besides; alone it takes half a minute
# It is binary; and these two send what they are told to where they are told to.
LEFT_OUT = r"\.pb$|/deliveries/[^/]+/send$|/webhooks/[^/]+/test$"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


@pytest.fixture
def asked_much(fake_provider, transactional_db) -> Iterator[WebServer]:
    """A web process whose models are the fake provider's, and whose keys are never told to wait."""
    told = {"RATE_LIMIT_PER_MIN": "0", "OPENAI_API_KEY": "fake", "OPENAI_BASE_URL": fake_provider.url}
    with web_server(told) as server:
        yield server


@pytest.mark.timeout(300)
def test_nothing_breaks_and_every_answer_is_as_documented(asked_much: WebServer, alice: Any, tmp_path: Path):
    token = make_token(alice, scopes=list(SCOPES))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{asked_much.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {token}"),
        *("--phases", "examples,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-shrink"),
        *("--checks", ",".join(CHECKS), "--exclude-path-regex", LEFT_OUT),
        *("--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "20", "--warnings", "off"),
    ]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert "Tested:" in ran.stdout, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert ran.returncode == 0, ran.stdout[-8000:] + asked_much.log[-2000:]
