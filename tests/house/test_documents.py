"""What is written beside the code keeps its promises: short decisions, commands that exist, links that lead somewhere."""

import re
from pathlib import Path

from tests.house.tree import ROOT, name_of, own_files

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_a_decision_has_at_most_200_words():
    long = [f"{path.name}: {words} words" for path in DECISIONS if (words := len(re.findall(r"\w\S*", path.read_text()))) > 200]
    assert not long


def test_decisions_are_numbered_without_gaps():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_guide_for_contributors_is_short():
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) < 80


def test_each_make_target_that_is_written_about_exists():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [*own_files(".md"), ROOT / ".env.example", ROOT / "docker-compose.yml", ROOT / ".ci" / "run"]
    named = {(path.name, target) for path in texts for target in _make_targets(path)}
    assert {(where, target) for where, target in named if target not in targets} == set()


def _make_targets(path: Path) -> list[str]:
    """Targets in code: `make x` in backquotes, or at the beginning of an indented or fenced line."""
    return re.findall(r"(?:`|^\s*)make ([a-z][a-z-]*)", path.read_text(), re.MULTILINE)


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{name_of(path)}: {target}"
        for path in own_files(".md")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert not broken
