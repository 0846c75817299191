"""The project's own files, as the house tests read them: nothing vendored, generated or installed."""

import ast
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ollive", "chat", "gateway", "accounts", "telemetry", "ollive_sdk")
NOT_OURS = {"var", "node_modules", "staticfiles", "vendor", "protos", "__pycache__", "test-results"}


@cache
def own_files(suffix: str) -> tuple[Path, ...]:
    """Every file of ours with this suffix, sorted; hidden folders and what others wrote left out."""
    return tuple(sorted(_walk(ROOT, suffix)))


def _walk(folder: Path, suffix: str) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            if not path.name.startswith(".") and path.name not in NOT_OURS:
                yield from _walk(path, suffix)
        elif path.suffix == suffix:
            yield path


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files() -> list[Path]:
    """Python that people wrote: Django writes the migrations."""
    return [path for path in own_files(".py") if "migrations" not in path.parts]


def server_files() -> list[Path]:
    """Python of the packages that ship; no tests and no benchmarks."""
    return [path for path in python_files() if path.relative_to(ROOT).parts[0] in PACKAGES]


@cache
def parsed(path: Path) -> ast.Module:
    """With the collector at rest: what it finds may be traced with `ast` too, and CPython 3.11 then loses count of its depth."""
    gc.disable()
    try:
        return ast.parse(path.read_text(), filename=name_of(path))
    finally:
        gc.enable()


def line_count(path: Path) -> int:
    return len(path.read_text().splitlines())


def too_long(paths: list[Path], *, cap: int) -> list[str]:
    return [f"{name_of(path)}: {line_count(path)} lines, the cap is {cap}" for path in paths if line_count(path) > cap]
