"""The protobuf wire: the small client that is published with it, and the generated module."""

import os
import subprocess
import sys
from pathlib import Path

from tests.fakes.fixtures import RunningProvider
from tests.server import ROOT, WebServer


def send(server: WebServer, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], "no_proxy": "*", "OLLIVE_URL": server.url, **environment}
    command = [sys.executable, "protos/send_pb.py", *words]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=60)


def test_the_published_client_asks_and_is_told_the_reply(server: WebServer, token, fake_provider: RunningProvider):
    fake_provider.script("gpt-4o-mini", chunks=["Knock, ", "knock."])
    answer = send(server, "Tell", "me", "a", "joke", TOKEN=token)

    assert answer.returncode == 0, answer.stderr
    assert 'reply: "Knock, knock."' in answer.stdout
    assert "total_tokens: " in answer.stdout
    assert fake_provider.last.body["messages"][-1]["content"] == "Tell me a joke"


def test_it_says_what_is_wrong(server: WebServer):
    refused = send(server, TOKEN="olv_wrong")
    assert refused.returncode == 1
    assert refused.stderr.startswith("401: ")


def test_the_generated_module_is_of_the_published_file(tmp_path: Path):
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I=protos", f"--python_out={tmp_path}", "protos/chat.proto"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    assert (tmp_path / "chat_pb2.py").read_text() == (ROOT / "protos" / "chat_pb2.py").read_text()
