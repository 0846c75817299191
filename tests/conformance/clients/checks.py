"""Runs the checks of one client, one after the other, and prints as JSON how each went."""

import inspect
import json
import os
import sys
import traceback
import urllib.request
import warnings
from typing import Any

BASE_URL = os.environ.get("BASE_URL", "")
TOKEN = os.environ.get("TOKEN", "")
CONTROL = os.environ.get("CONTROL", "")
# Through the direct adapter, and through LiteLLM's.
PREFIXES = ("openai/", "anthropic/")
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def script(model: str, **behaviour: Any) -> None:
    """Have the fake provider answer so."""
    body = json.dumps({"model": model, **behaviour}).encode()
    request = urllib.request.Request(f"{CONTROL}/control/script", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def run(checks: list[Any]) -> None:
    """`checks` are functions; those with a `prefix` are run for both adapters."""
    warnings.simplefilter("ignore")
    outcomes = {}
    for check in checks:
        takes = inspect.signature(check).parameters
        for prefix in PREFIXES if "prefix" in takes else ("",):
            name = f"{check.__name__} {prefix.rstrip('/')}".strip()
            try:
                check(prefix) if prefix else check()
                outcomes[name] = "ok"
            except Exception:  # whatever a client raises is the outcome
                outcomes[name] = traceback.format_exc(limit=-3)
    print(json.dumps(outcomes))  # noqa: T201
    sys.stdout.flush()
    os._exit(0)  # some clients' threads and loops outlive them
