"""Inputs that make renderers slow, big or crash. Each is far larger than a reply; what is asserted is size, not time."""

import pytest

from chat.render import BlockRenderer, render, render_plain
from chat.render.code import HIGHLIGHT_MAX_CHARS, highlight
from chat.render.markdown import SOURCE_MAX_CHARS, to_html
from tests.chat.render.html import faults, text

N = 10_000
HEAVY = {
    "quotes": ">" * N,
    "spaced quotes": "> " * N,
    "growing quotes": "".join(">" * n + "a\n\n" for n in range(300)),
    "brackets": "[" * N,
    "closed brackets": "[" * N + "a" + "]" * N,
    "links in links": "[" * N + "a" + "](https://a.example)" * 2000,
    "open links": "[a](" * N,
    "open images": "![a](" * N,
    "items in items": "- " * N + "a",
    "numbers in numbers": "1. " * N + "a",
    "nested items": "".join(" " * 2 * n + "- a\n" for n in range(300)),
    "backticks": "`" * 5_000,
    "runs of backticks": " ".join("`" * n for n in range(1, 500)),
    "fences": "```\n" * N,
    "stars": "*a **a " * N,
    "deep emphasis": "*" * N + "a" + "*" * N,
    "deep underscores": "_" * N + "a" + "_" * N,
    "mixed emphasis": "*a_ " * N,
    "wide table": "|a" * 2_000 + "\n" + "|-" * 2_000 + "\n" + "|b\n" * 2_000,
    "wide table without edges": "a|" * 2_000 + "a\n" + "-|" * 2_000 + "-\n" + "b\n" * 2_000,
    "wide table in a quote": "> " + "|a" * 2_000 + "\n> " + "|:-" * 2_000 + "|\n" + "> |b\n" * 2_000,
    "many wide tables": ("|a" * 200 + "\n" + "|-" * 200 + "\n" + "|b\n" * 300 + "\n") * 20,
    "open formulas": "\\(a " * N,
    "open displays": "\\[" * N + "a",
    "dollars": "$$a " * N,
    "prices": "$1 " * N,
    "tags": "<a " * N,
    "comments": "<!--" * N,
    "entities": "&amp" * N,
    "addresses": "a@b." * N,
    "urls": "http://a(" * N,
    "www": "www.a." * N,
    "backslashes": "\\" * 50_000,
    "definitions": "".join(f"[a{n}]: /u\n" for n in range(5_000)) + "[a1]" * 5_000,
    "expanding definition": "[a]: https://a.example/" + "x" * 20_000 + "\n\n" + "[a]" * 5_000,
    "markers": "[[EMAIL]]" * 5_000,
    "half markers": "[[EMAIL] " * N,
    "lines": "a\n" * 50_000,
    "blank lines": "\n" * 100_000,
}


@pytest.mark.parametrize("kind", HEAVY)
def test_heavy_text_is_shown(kind: str):
    html = render(HEAVY[kind])
    assert faults(html) == []
    assert len(html) <= 60 * len(HEAVY[kind]) + 20_000


@pytest.mark.parametrize("kind", HEAVY)
def test_heavy_text_streams(kind: str):
    renderer = BlockRenderer()
    source = HEAVY[kind][:30_000]
    for begin in range(0, len(source), 500):
        renderer.feed(source[begin : begin + 500])
    renderer.finish()
    assert faults(renderer.committed) == []


def test_a_megabyte_in_one_line_is_shown_as_plain_text():
    source = "word *a* " * 120_000
    assert render(source).startswith('<div class="plain">word *a* word')
    renderer = BlockRenderer()
    assert renderer.feed(source).append.startswith('<div class="plain">')
    assert len(renderer.feed(source).tail) < SOURCE_MAX_CHARS
    assert render_plain(source).count("word") == 120_000


def test_what_is_too_deep_is_plain_text():
    assert text(render(">" * 500 + " a")) == ">" * 500 + " a"
    assert "plain" not in render(">" * 20 + " a")


def test_a_table_that_is_too_big_is_text():
    assert "<table>" not in render(HEAVY["wide table"])
    assert "<table>" in render("|a|b|\n|-|-|\n" + "|c|d|\n" * 5_000)


@pytest.mark.parametrize("language", ["java", "csharp", "c", "hcl", "make", "python"])
def test_code_that_makes_a_lexer_slow_loses_its_colours(language: str):
    for source in ("\n" * 6_000, "  x\n" * 1_500, ("a " * 200 + "\n") * 15):
        html = to_html(f"```{language}\n{source}```\n")
        assert faults(html) == []


def test_only_code_of_bearable_size_is_coloured():
    assert highlight("x = 1\n" * 100, "python") is not None
    assert highlight("x = 1\n" * HIGHLIGHT_MAX_CHARS, "python") is None
    assert highlight("x = '" + "a" * 5_000, "python") is None
