"""Reasoning written into the reply is told apart, however the pieces are cut."""

import pytest

from gateway.thinking import ThoughtSplitter


def split(pieces: list[str]) -> tuple[str, str]:
    splitter = ThoughtSplitter()
    said = [splitter.feed(piece) for piece in pieces] + [splitter.flush()]
    return "".join(content for content, _ in said), "".join(reasoning for _, reasoning in said)


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        ("<think>\nTwo and two.\n</think>\n\nFour.", "Four.", "Two and two."),
        ("\n<think>a</think>b", "b", "a"),
        ("<think></think>b", "b", ""),
        ("<think>never closed", "", "never closed"),
        ("<think>a <b> c</think> d </think> e", "d </think> e", "a <b> c"),
        ("No <think>tags</think> in the middle", "No <think>tags</think> in the middle", ""),
        ("<thinking aloud", "<thinking aloud", ""),
        ("  indented", "  indented", ""),
        ("<thi", "<thi", ""),
        ("", "", ""),
    ],
)
def test_every_cut_gives_the_same_two_texts(text: str, content: str, reasoning: str):
    for size in (1, 2, 3, 5, 8, 100):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert split(pieces) == (content, reasoning), size
