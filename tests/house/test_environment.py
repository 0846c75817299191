"""`.env.example` names every variable that is read, and none that is not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.directory import kinds
from tests.house.test_containers import variables
from tests.house.tree import ROOT, parsed, server_files

# Set by Ollive itself for the processes that it starts, or for tests and debugging; people have no use for them.
INTERNAL = {
    *("OLLIVE_PROCESS", "OLLIVE_LISTENER", "OLLIVE_SERVER", "OLLIVE_ENV_FILE", "OLLIVE_DEBUG"),
    *("OLLIVE_MODEL_FILE", "OLLIVE_MODEL_PORT", "OLLIVE_MODEL_KEY"),  # for the process of the demo model
    *("OLLIVE_POSTGRES_PASSWORD", "OLLIVE_VALKEY_PASSWORD"),  # of the embedded servers, made once and kept in the data folder
}
COMPOSES_OWN = {"COMPOSE_PROFILES"}
READERS = re.compile(r"^((\w+\.)?env(\.\w+)?|(\w+\.)?secret|os\.environ\.get|os\.getenv)$")
NAME = re.compile(r"[A-Z][A-Z0-9_]+")


def read_in(path: Path) -> Iterator[str]:
    """The variables that a module reads by their written-out name."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and node.args and READERS.match(ast.unparse(node.func)):
            yield from _name(node.args[0])
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and ast.unparse(node.value) == "os.environ":
            yield from _name(node.slice)


def _name(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
        yield node.value


def read_names() -> set[str]:
    return {name for path in server_files() if "ollive_sdk" not in path.parts for name in read_in(path)} - INTERNAL


def providers_names() -> set[str]:
    """Every variable that a provider of `direct.toml` answers to."""
    own = {name for kind in kinds().values() for name in (*kind.keys, *kind.base_url_variables, *kind.model_variables)}
    return own | {f"{kind.name.upper()}_BASE_URL" for kind in kinds().values()}


def example_names() -> list[str]:
    return re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_each_variable_that_is_read_is_in_the_example():
    assert read_names() - set(example_names()) == set()


def test_each_variable_of_the_compose_file_is_in_the_example():
    assert variables().keys() - set(example_names()) == set()


def test_each_provider_is_in_the_example_by_the_first_name_of_its_key():
    first = {kind.keys[0] for kind in kinds().values() if kind.keys}
    assert first - set(example_names()) == set()


def test_the_example_names_nothing_that_is_not_read():
    assert set(example_names()) - read_names() - variables().keys() - providers_names() - COMPOSES_OWN == set()


def test_the_example_names_each_variable_once():
    assert sorted(set(example_names())) == sorted(example_names())
