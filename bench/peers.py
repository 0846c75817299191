"""LiteLLM Proxy as it is published, to be measured beside Ollive: in an environment of its own, with the fake provider behind it.

The first call installs it from `bench/peers.txt` into `.peers`, which asks the network and takes a minute.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from bench.stack import ROOT, Stack
from ollive.up.launcher import free_port

FOLDER = ROOT / ".peers"
LOCK = Path(__file__).with_name("peers.txt")
KEY = "sk-of-the-bench"


def install() -> Path:
    """The environment's Python; it is made anew when the lock has changed."""
    python, stamp = FOLDER / "bin/python", FOLDER / "installed"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing LiteLLM Proxy into .peers…", file=sys.stderr, flush=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(FOLDER)], check=True)
        subprocess.run([*uv, "pip", "install", "--python", str(python), "--require-hashes", "-r", str(LOCK)], check=True)
        stamp.write_text(wanted)
    return python


def start_litellm_proxy(stack: Stack) -> tuple[str, str]:
    """One worker of it, with every model of the fake provider; its base URL with /v1, and its key."""
    python, port = install(), free_port()
    behind = {"model": "openai/*", "api_base": stack.provider_url, "api_key": "fake"}
    config = stack.folder / "litellm.yaml"  # JSON is YAML
    served = [{"model_name": "*", "litellm_params": behind}]
    config.write_text(json.dumps({"model_list": served, "general_settings": {"master_key": KEY}}))
    names = ("PATH", "HOME", "LANG")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    command = [str(python.with_name("litellm")), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--telemetry", "False"]
    stack.start("litellm", command, is_ready=lambda _: _is_up(port), environment=environment)
    return f"http://127.0.0.1:{port}/v1", KEY


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/liveliness", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
