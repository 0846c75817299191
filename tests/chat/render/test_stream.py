"""A message while it streams: what was appended stays true, and nothing is rendered over and over."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.render_reply import reply_of
from chat.render import BlockRenderer, Patch, render
from chat.render.stream import HARD_CHARS, SOFT_CHARS
from tests.chat.render.html import faults, letters

# Lines whose meaning depends on their neighbours. Definitions of references are left out: they reach backwards.
LINES = [
    "foo", "bar *b* `c`", "  foo", "   foo", " foo", "\tfoo", "\\", "# h", "#", "######", "#\tx", "  # h", "---", "***",
    "- - -", "===", "-", "--", "* * *", "_ _ _", "___x", "  ---", "   ***", "- a", "- b", "* c", "+ d", "1. one",
    "2. two", "10. ten", "1) p", "100. z", "1.", "   2. x", "  - n", "    - nn", "   - n3", " - n1", "   - ", "-   ",
    "-     five", "-\t", "-\tfoo", "- \tfoo", "-\t\tfoo", "- ```", "1. ```py", "- # h", "- > q", "> q", ">", "> - ql",
    "> ```", "> # h", ">  > q", "  > q", "   > q", "```", "```py", "~~~", "~~~~", "````", "  ```", "   ```", "    ```",
    " ```", "      ```", "``` a ``` b", "    code", "     code", "    ", "  ", "|a|b|", "|-|-|", "|1|2|", "a | b",
    "- | -", "---|---", ":-:", "-|-", "| - |", "  | a | b |", "  |---|---|", "<div>", "</div>", "<script>", "<!-- x",
    "-->", "<pre>", "<?php", "<![CDATA[", "<br>", "$$", "x$$", "\\[", "\\]", "[x]", "- [ ] t", "- [x] t", "`", "**b",
    "b**", "![i](http://x)", "&amp;", "[[EMAIL]]", "www.x.com", "http://x.y/z_", "é\u2028é",
]  # fmt: skip
DOCUMENTS = st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(["\n", "\n", "\n\n", "\r\n", "\n\n\n"])), max_size=14).map(
    lambda lines: "".join(line + end for line, end in lines)
)
SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=6)

LONG = {
    "an open fence": "```python\n" + "print('what', 1)\n" * 700,
    "a closed fence": "```python\n" + "print('what', 1)\n\n" * 400 + "```\nafter\n",
    "a list": "".join(f"- item {n} with *some* text\n" for n in range(250)),
    "a loose list": "".join(f"{n}. item with `code`\n\n   and more\n\n" for n in range(1, 200)),
    "a table": "| a | b |\n|---|--:|\n" + "".join(f"| {n} | *x* |\n" for n in range(400)),
    "a paragraph": "some words and *more* of them. " * 250,
    "a quote": "> a line of it\n" * 500,
    "indented code": "    x = 1\n" * 700,
}
ENDLESS = LONG | {
    "a paragraph without end": "some words and *more* of them. " * 1500,
    "a word without end": "x" * 40_000,
    "a line of code without end": "```\n" + "x" * 40_000,
    "a table without end": "| a | b |\n|---|--:|\n" + "| c | *d* |\n" * 3000,
    "an item without end": "- a\n" + "  - nested item\n" * 2500,
    "a fence inside an item": "1. do\n   ```sh\n" + "   ls -la # all\n" * 2500,
    "a quote without end": "> a line of it\n" * 2500,
    "a fence that may be inside": "- a\nlazy\n  ```\n" + "x\n\ny\n" * 7000,
    "many blocks": reply_of(40_000),
}


def pieces_of(source: str, sizes: list[int]) -> list[str]:
    pieces: list[str] = []
    begin = 0
    while begin < len(source):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(source[begin : begin + size])
        begin += size
    return pieces


def streamed(source: str, sizes: list[int]) -> str:
    renderer = BlockRenderer()
    appended = [renderer.feed(piece).append for piece in pieces_of(source, sizes)]
    appended.append(renderer.finish().append)
    assert renderer.committed == "".join(appended)
    return renderer.committed


@given(DOCUMENTS, SIZES)
@example("a\n===\n\n- b\n- c\n\n- d\n\n      e\n\nf\n# g\n", [1])
@example("10. a\n   ```\n   b\n\nc\n   ```\n\nd\n", [1])
@example("- a\nlazy\n  ```\n  b\n\nc\n  ```\n\nd\n", [4])
@example("- # h\ntext\n---\n", [1])
def test_any_cutting_gives_the_same_html_as_the_whole(source: str, sizes: list[int]):
    assert streamed(source, sizes) == render(source)


@given(DOCUMENTS, SIZES)
def test_what_was_appended_is_the_beginning_of_the_end(source: str, sizes: list[int]):
    renderer = BlockRenderer()
    whole = render(source)
    for piece in pieces_of(source, sizes):
        renderer.feed(piece)
        assert whole.startswith(renderer.committed)


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("sizes", [[40], [5, 19]])
def test_a_long_block_shows_the_same_words(kind: str, sizes: list[int]):
    html = streamed(LONG[kind], sizes)
    assert faults(html) == []
    assert letters(html) == letters(render(LONG[kind]))


@pytest.mark.parametrize("kind", ENDLESS)
def test_the_cost_of_a_piece_does_not_grow_with_the_reply(kind: str):
    renderer = BlockRenderer()
    source = ENDLESS[kind]
    for piece in pieces_of(source, [40]):
        before = renderer.parsed_char_count
        patch = renderer.feed(piece)
        assert renderer.parsed_char_count - before <= 2 * HARD_CHARS
        assert len(patch.tail) <= 10 * HARD_CHARS
    assert renderer.parsed_char_count <= 40 * len(source)


@pytest.mark.parametrize("kind", ENDLESS)
def test_no_words_are_lost_where_a_block_has_no_end(kind: str):
    html = streamed(ENDLESS[kind], [40])
    assert faults(html) == []
    marks = str.maketrans("", "", "*|-:>`.1234567890")
    assert sorted(letters(html).translate(marks)) == sorted(letters(render(ENDLESS[kind])).translate(marks))


def test_a_common_reply_needs_no_replacement_at_its_end():
    source = reply_of(6_000).rsplit("\n\n", 1)[0]
    renderer = BlockRenderer()
    for piece in pieces_of(source, [7, 31, 2]):
        renderer.feed(piece)
    assert (renderer.committed + renderer.tail).strip() == render(source).strip()


def test_a_finished_block_is_appended_at_once():
    renderer = BlockRenderer()
    assert renderer.feed("# A") == Patch("", "<h1>A</h1>\n")
    assert renderer.feed("\nb") == Patch("<h1>A</h1>\n", "<p>b</p>\n")
    assert renderer.feed("\n\n") == Patch("<p>b</p>\n", "")
    assert renderer.feed("- c\n\n") == Patch("", "<ul>\n<li>c</li>\n</ul>\n")
    assert renderer.feed("D") == Patch("<ul>\n<li>c</li>\n</ul>\n", "<p>D</p>\n")
    assert renderer.finish() == Patch("<p>D</p>\n", "")


def test_code_is_coloured_when_it_is_finished():
    renderer = BlockRenderer()
    assert '<span class="k">' not in renderer.feed("```python\nreturn 1\n").tail
    patch = renderer.feed("```\n")
    assert '<span class="k">return</span>' in patch.append
    assert patch.tail == ""


def test_a_long_fence_is_shown_in_pieces_that_join():
    renderer = BlockRenderer()
    patches = [renderer.feed("```python\n"), *(renderer.feed("x = 1\n") for _ in range(SOFT_CHARS // 2)), renderer.feed("```\n")]
    pieces = [patch.append for patch in patches if patch.append]
    assert pieces[0].startswith('<div class="code code-part"><div class="code-head">')
    assert all(piece.startswith('<div class="code code-part code-more"><pre><code>') for piece in pieces[1:])
    assert "".join(pieces).count("x = 1\n") == SOFT_CHARS // 2


def test_a_long_list_keeps_its_numbers():
    html = streamed("".join(f"{n}. some item\n" for n in range(1, 401)), [40])
    starts = [1, *(int(start.split('"')[0]) for start in html.split('<ol start="')[1:])]
    assert len(starts) > 2
    lengths = [part.count("<li>") for part in html.split("<ol")[1:]]
    assert starts == [1 + sum(lengths[:n]) for n in range(len(lengths))]


def test_a_failing_parser_leaves_plain_text():
    def fail(text: str, **options: object) -> str:
        raise AssertionError

    with pytest.raises(AssertionError):
        BlockRenderer(fail).feed("a")
    assert BlockRenderer().feed(">" * 5_000).tail.startswith('<div class="plain">')


def test_references_wait_for_the_end():
    source = "see [a]\n\n[a]: https://a.example\n"
    assert letters(streamed(source, [5])) == "see[a]"
    assert 'href="https://a.example"' in render(source)
