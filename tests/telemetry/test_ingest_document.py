"""docs/ingest.md is true: its commands are run, and answer what it says."""

import json
import os
import re
import subprocess

import pytest

from telemetry import digest
from telemetry.doors import ingest
from telemetry.models import InferenceLog
from tests.house.tree import ROOT
from tests.server import WebServer

PAGE = (ROOT / "docs" / "ingest.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```\s+```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_examples():
    assert len(EXAMPLES) == PAGE.count("```sh")


@pytest.mark.parametrize(("command", "answer"), EXAMPLES)
def test_an_example_answers_what_the_page_says(program, programs_server: WebServer, command, answer):
    key = program.headers["authorization"].removeprefix("Bearer ")
    environment = {**os.environ, "OLLIVE_URL": programs_server.url, "OLLIVE_KEY": key, "NO_PROXY": "*"}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=True)
    told, said = json.loads(done.stdout), json.loads(answer)
    assert told == said
    digest.drain()
    assert InferenceLog.objects.exists()


def test_its_limits_are_those_of_the_door():
    assert f"{ingest.EVENTS_LIMIT:,} events" in PAGE
