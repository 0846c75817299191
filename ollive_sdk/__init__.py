"""The client of Ollive: records the calls that a program makes to language models. Standard library only.

It never blocks its host and never raises into it. README.md begins with five lines that record a call.
What is named here is loaded when it is used: the server reads `ollive_sdk.events` alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ollive_sdk.version import __version__

if TYPE_CHECKING:
    from ollive_sdk.counters import Counters
    from ollive_sdk.litellm_client import acompletion, completion, install
    from ollive_sdk.openai_client import wrap_openai
    from ollive_sdk.recorder import Recorder, default_recorder
    from ollive_sdk.stopwatch import Call, Step
    from ollive_sdk.transports import Answer, Http, Memory, Null, Stdout, Transport
    from ollive_sdk.usage import usage_fields

__all__ = [
    "Answer",
    "Call",
    "Counters",
    "Http",
    "Memory",
    "Null",
    "Recorder",
    "Stdout",
    "Step",
    "Transport",
    "__version__",
    "acompletion",
    "completion",
    "default_recorder",
    "install",
    "usage_fields",
    "wrap_openai",
]

_HOMES = {
    "counters": ("Counters",),
    "litellm_client": ("acompletion", "completion", "install"),
    "openai_client": ("wrap_openai",),
    "recorder": ("Recorder", "default_recorder"),
    "stopwatch": ("Call", "Step"),
    "transports": ("Answer", "Http", "Memory", "Null", "Stdout", "Transport"),
    "usage": ("usage_fields",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"ollive_sdk.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
