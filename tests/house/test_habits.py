"""Habits that a reader relies on: where errors are caught, what modules are called, that nothing is left for later."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

from tests.house.tree import ROOT, name_of, own_files, parsed, python_files, server_files

EDGE = "# edge: "
EDGES_A_PACKAGE = 5
RECEIVERS = 2
RECEIVER = re.compile(r"\breceiver$|(\bpre_\w+|\bpost_\w+|signals?\.\w+|_signal)\.connect$")
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
LATER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
TWO_LS = re.compile(r"(?<!\.)\bcance" + r"lled\b", re.IGNORECASE)  # `task.cancelled()` is asyncio's own word


def broad_handlers(path: Path) -> list[ast.ExceptHandler]:
    """Handlers that catch everything, bare or by name, alone or in a tuple."""
    return [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ExceptHandler) and _catches_everything(node.type)]


def _catches_everything(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_catches_everything(element) for element in caught.elts)
    return caught is None or (isinstance(caught, ast.Name) and caught.id in {"Exception", "BaseException"})


def test_everything_is_caught_only_at_a_marked_edge():
    unmarked = []
    for path in server_files():
        lines = path.read_text().splitlines()
        unmarked += [f"{name_of(path)}:{node.lineno}" for node in broad_handlers(path) if EDGE not in lines[node.lineno - 1]]
    assert not unmarked


def test_a_package_has_at_most_five_edges():
    edges = Counter(path.relative_to(ROOT).parts[0] for path in server_files() for _ in broad_handlers(path))
    assert {package: count for package, count in edges.items() if count > EDGES_A_PACKAGE} == {}


def test_there_are_at_most_two_signal_receivers():
    calls = [(path, node) for path in server_files() for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    found = [f"{name_of(path)}:{node.lineno}" for path, node in calls if RECEIVER.search(ast.unparse(node.func))]
    assert len(found) <= RECEIVERS, found


def test_modules_are_nouns_of_the_domain():
    assert [name_of(path) for path in python_files() if path.stem in VAGUE_NAMES or path.parent.name in VAGUE_NAMES] == []


def test_nothing_is_left_for_later():
    ours = [*own_files(".py"), *own_files(".html"), *own_files(".js"), *own_files(".css"), *own_files(".md"), *own_files(".yml")]
    assert [name_of(path) for path in ours if LATER.search(path.read_text())] == []


def test_canceled_has_one_l():
    ours = [*own_files(".py"), *own_files(".html"), *own_files(".js")]
    lines = [(path, number, line) for path in ours for number, line in enumerate(path.read_text().splitlines(), start=1)]
    assert [f"{name_of(path)}:{number}" for path, number, line in lines if TWO_LS.search(line) and "# wire" not in line] == []


def test_only_the_line_about_chromium_skips_a_test():
    skips = re.compile(r"\b(skip|skipif|importorskip|xfail)\(")
    tests = [path for path in python_files() if "tests" in path.parts and path != Path(__file__)]
    lines = [(path, number, line) for path in tests for number, line in enumerate(path.read_text().splitlines(), start=1)]
    assert [f"{name_of(path)}:{number}" for path, number, line in lines if skips.search(line) and "hromium" not in line] == []


def test_the_client_needs_nothing_but_the_standard_library():
    """What it wraps (OpenAI's client, LiteLLM) is imported inside functions, by those who have it."""
    foreign = [
        f"{name_of(path)}:{node.lineno} {name}"
        for path in server_files()
        if "ollive_sdk" in path.relative_to(ROOT).parts
        for node in parsed(path).body
        for name in _imported(node)
        if name not in sys.stdlib_module_names and name != "ollive_sdk"
    ]
    assert not foreign


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]]
    return []
