"""Clients that people use, each in a process of its own against a running server, through the direct adapter and LiteLLM's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.asking import recorded
from tests.server import ROOT

HERE = Path(__file__).parent
NODE = HERE / "node"
SECONDS = 120


@pytest.fixture
def environment(caller, fake_provider, tmp_path) -> dict[str, str]:
    """What a client is told: where the server is, its key, and the provider behind it. No key of anybody else's."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path),
        "BASE_URL": str(caller.base_url).rstrip("/"),
        "TOKEN": caller.headers["authorization"].removeprefix("Bearer "),
        "CONTROL": fake_provider.url.removesuffix("/v1"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(command: list[str], environment: dict[str, str], **options) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, env=environment, **options)
    assert ran.returncode == 0, ran.stderr[-3000:] + ran.stdout[-1000:]
    return ran.stdout


@pytest.mark.parametrize("client", ["openai_python", "litellm_client", "langchain_client"])
def test_a_client_in_python_gets_along(environment, client):
    outcomes = json.loads(
        run([sys.executable, "-m", f"tests.conformance.clients.{client}"], environment, cwd=ROOT).splitlines()[-1]
    )
    assert len(outcomes) > 6
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ok"} == {}


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """OpenAI's package for Node, as the lock file has it: installed once, by `.ci/run` or here."""
    if not (NODE / "node_modules" / "openai").exists():
        npm = shutil.which("npm")
        assert npm, "Node and its npm are needed: apt-get install nodejs npm"
        subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund", "--silent", "--prefer-offline"], cwd=NODE, check=True, timeout=SECONDS
        )
    return NODE / "node_modules"


@pytest.mark.usefixtures("node_modules")
def test_openais_client_for_node_gets_along(environment):
    outcomes = json.loads(run(["node", "client.mjs"], environment, cwd=NODE).splitlines()[-1])
    assert len(outcomes) > 12
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ok"} == {}


@pytest.fixture
def llm(environment, tmp_path) -> dict[str, str]:
    """Simon Willison's llm, which knows three models of this server's."""
    models = [
        f"- model_id: {name}\n  model_name: {path}\n  api_base: {environment['BASE_URL']}/v1\n  api_key_name: ollive\n"
        "  supports_tools: true\n"
        for name, path in (("tides", "openai/plain"), ("claude", "anthropic/plain"), ("asking", "openai/asking"))
    ]
    (tmp_path / "extra-openai-models.yaml").write_text("".join(models))
    (tmp_path / "keys.json").write_text(json.dumps({"ollive": environment["TOKEN"]}))
    # Its plugins stay out: one belongs to the model that runs on this machine.
    return environment | {"LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}


WHOLE = ["--no-stream", "-s", "Be brief.", "-o", "max_tokens", "500"]


@pytest.mark.parametrize("arguments", [["-m", "tides"], ["-m", "claude", *WHOLE]])
def test_llm_prints_the_answer(llm, arguments):
    said = run([sys.executable, "-m", "llm", "prompt", *arguments, "How do tides work?"], llm)
    assert said.startswith("## Tides")
    assert recorded()[0].status == "success"


def test_llm_uses_its_tools(llm, fake_provider):
    call = {"id": "c1", "name": "weather", "arguments": ['{"city": "Paris"}']}
    fake_provider.queue("asking", {"tool_calls": [call], "finish_reason": "tool_calls"}, {"chunks": ["It rains."]})
    function = "def weather(city: str) -> str:\n    return 'Rain in ' + city\n"
    said = run([sys.executable, "-m", "llm", "prompt", "-m", "asking", "--functions", function, "Weather?"], llm)
    assert said.strip() == "It rains."
    assert fake_provider.last.body["messages"][-1]["content"] == "Rain in Paris"
