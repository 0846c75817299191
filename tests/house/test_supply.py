"""What is installed is what was locked: exact pins, hashes, no version known to be poisoned, no code run by `.pth` files."""

import re
import sysconfig
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.house.tree import ROOT

LOCKS = ["requirements", "requirements-dev", "requirements-embedded"]
TROJANISED_LITELLM = {"1.82.7", "1.82.8"}

# Lines that `site` executes at each start of Python, and who puts them there.
KNOWN_PTH_CODE = {
    (
        "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
        "enabled and __import__('_distutils_hack').add_shim();"
    ),  # setuptools
    "import _virtualenv",  # uv's and virtualenv's environments
}


def direct_pins(name: str) -> list[str]:
    """The requirements that people wrote in `<name>.in`, without comments and includes."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def locked(name: str) -> dict[str, list[str]]:
    """`package==version` of `<name>.txt`, in lower case without extras, with its hashes."""
    entries: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (ROOT / f"{name}.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", line):
            current = entries.setdefault(f"{match[1].lower()}=={match[2]}", [])
        current += re.findall(r"--hash=(sha256:[0-9a-f]{64})", line)
    return entries


@pytest.mark.parametrize("name", LOCKS)
def test_direct_requirements_are_pinned_exactly(name):
    assert [pin for pin in direct_pins(name) if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^=*<>~,;\s]+", pin)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_each_direct_requirement_is_in_the_lock(name):
    pins = {re.sub(r"\[[^\]]*\]", "", pin).lower() for pin in direct_pins(name)}
    assert pins - locked(name).keys() == set()


@pytest.mark.parametrize("name", LOCKS)
def test_each_locked_package_has_hashes(name):
    assert [package for package, hashes in locked(name).items() if not hashes] == []


def test_the_development_lock_holds_the_servers_versions():
    assert locked("requirements").keys() - locked("requirements-dev").keys() == set()


def test_litellm_is_not_one_of_the_poisoned_releases():
    assert version("litellm") not in TROJANISED_LITELLM
    assert not {f"litellm=={poisoned}" for poisoned in TROJANISED_LITELLM} & locked("requirements").keys()


def test_no_pth_file_runs_code_that_we_do_not_know():
    """Python executes each line of a `.pth` file that begins with `import`, before any of our code."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    lines = [line for folder in folders for file in folder.glob("*.pth") for line in file.read_text().splitlines()]
    code = {line.strip() for line in lines if line.startswith(("import ", "import\t"))}
    assert code - KNOWN_PTH_CODE == set()


def test_pip_installs_the_client_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["packages"] == ["ollive_sdk"]
    assert project["project"]["dependencies"] == []
