"""Text that wants to be more than text: whole, in pieces, and through every fallback."""

import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.render import BlockRenderer, render, render_plain
from chat.render.sanitizer import sanitize
from tests.chat.render.html import faults

CORPUS = (Path(__file__).parents[2] / "hostile" / "markdown.txt").read_text().split("\n%%\n")
FRAGMENTS = [
    *"<>&\"'`*_~[]()!#$|\\/:=\n\t\r\0-+.",
    "<script>", "</script>", "<img src=x onerror=alert(1)>", "javascript:", "data:text/html,", "onclick=", " hx-get=/x ",
    "style=", "id=a", "](", "![", "[a]: ", "```", "~~~", "html", "$$", "\\(", "\\)", "<!--", "-->", "<a href=", "<br>",
    "https://a.example", "[[EMAIL]]", "[[", "]]", "|---|", "- [ ] ", "> ", "&lt;", "&#x3c;", "<br onload=x>", "%EF%B7%90",
    "\ufdd0", "\ufdd1", "\ufdd2EMAIL\ufdd3", "\ufdd3", "\ud83d", "\udca9", "\u202e", "\u2066", "\ufffe", "a", "é",
    "</code></pre>", "</div>", " ", "\n\n",
]  # fmt: skip


def stream(source: str, sizes: list[int]) -> tuple[list[str], str]:
    renderer = BlockRenderer()
    shown: list[str] = []
    begin = 0
    while begin < len(source):
        size = sizes[begin % len(sizes)]
        patch = renderer.feed(source[begin : begin + size])
        shown += [patch.append, patch.tail]
        begin += size
    shown.append(renderer.finish().append)
    return shown, renderer.committed


@pytest.mark.parametrize("source", CORPUS)
def test_nothing_hostile_passes_whole_or_in_pieces(source: str):
    assert faults(render(source)) == []
    assert faults(render_plain(source)) == []
    for sizes in ([1], [3], [7, 2], [40]):
        shown, committed = stream(source, sizes)
        assert faults(committed) == []
        assert [fault for html in shown for fault in faults(html)] == []


@pytest.mark.parametrize("source", CORPUS)
def test_nothing_hostile_passes_the_sanitiser_alone(source: str):
    assert faults(sanitize(source)) == []


def test_hostile_texts_do_not_help_each_other():
    sources = CORPUS.copy()
    random.Random(7).shuffle(sources)
    for joint in ("\n", "\n\n", ""):
        assert faults(render(joint.join(sources))) == []
        assert faults(stream(joint.join(sources), [11, 5, 29])[1]) == []


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join), st.lists(st.integers(1, 9), min_size=1, max_size=5))
@example("\ufdd0script>\ufdd0img onerror=x>", [1])
@example("`\ufdd2EMAIL\ufdd3` [\ufdd2](https://a.example/\ufdd2 '\ufdd3')", [2])
@example("[a](https://a.example/%EF%B7%90script%EF%B7%92)", [5])
def test_no_mixture_of_fragments_passes(source: str, sizes: list[int]):
    assert faults(render(source)) == []
    assert faults(render_plain(source)) == []
    shown, committed = stream(source, sizes)
    assert faults(committed) == []
    assert [fault for html in shown for fault in faults(html)] == []


@given(st.text(max_size=200))
def test_any_text_is_shown(source: str):
    assert faults(render(source)) == []
    assert faults(render_plain(source)) == []


@pytest.mark.parametrize("unwanted", ["\0", "\ud800", "\u202e", "\u2066", "\x1b", "\ufdd0", "\ufdd3", "\r"])
def test_marks_that_hide_or_break_are_not_shown(unwanted: str):
    for source in (
        f"a{unwanted}b",
        f"```js\na{unwanted}b\n```",
        f"[a{unwanted}](https://a.example/{unwanted} '{unwanted}')",
        unwanted,
    ):
        for html in (render(source), render_plain(source), stream(source, [1])[1]):
            assert unwanted not in html


def test_half_a_character_waits_for_its_other_half():
    assert stream("a \ud83d\ude00 b", [1])[1] == render("a 😀 b") == render("a \ud83d\ude00 b")
