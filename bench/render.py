"""The renderer: CPU of one 16 kB reply that streams in 406 flushes, by parser and by way of working.

`python -m bench.render [--repeat 5]`. Medians of process time on this machine. "By blocks" is what the product does;
"whole each time" renders everything received so far at each flush. comrak's rows are the product's: they include the
heads, chips and colours of code, which markdown-it-py's leave out.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from markdown_it import MarkdownIt

from bench.render_reply import reply_of
from chat.render import BlockRenderer, render
from chat.render.code import Part
from chat.render.markdown import to_html
from chat.render.sanitizer import sanitize
from chat.render.stream import Convert

REPLY_CHARS = 16_000
FLUSHES = 406
FRAME_BUDGET_US = 200

TAIL = (
    "The **second** thing to know is that `asyncio.gather` starts all of its awaitables at once, see "
    "[the documentation](https://docs.python.org/3/library/asyncio-task.html); a *failure* in one of them does not "
    "stop the others, and a call that costs $5 to $10 a month is rarely worth the wait for [[EMAIL]] to answer it. Yes."
)[:300]

_markdown_it = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def by_markdown_it(text: str, *, is_highlighted: bool = True, part: Part = Part.WHOLE) -> str:
    return sanitize(_markdown_it.render(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    reply = reply_of(REPLY_CHARS)
    step = -(-len(reply) // FLUSHES)
    pieces = [reply[start : start + step] for start in range(0, len(reply), step)]
    render(reply)  # loads the lexers
    parsers: dict[str, Convert] = {"comrak": to_html, "markdown-it-py": by_markdown_it}

    print(f"a reply of {len(reply)} characters in {len(pieces)} flushes; budget {FRAME_BUDGET_US} µs a flush")
    print(f"{'':<34}{'CPU ms a reply':>15}{'µs a flush':>12}{'kB sent':>9}{'kB parsed':>11}")
    for name, convert in parsers.items():
        _row(f"{name}, by blocks", partial(_by_blocks, pieces, convert), len(pieces), repeat)
    for name, convert in parsers.items():
        _row(f"{name}, whole each time", partial(_whole, pieces, convert), len(pieces), 1)
    fence = ["```python\n", *(piece.replace("`", "'") for piece in pieces)]
    _row("comrak, one open fence, by blocks", partial(_by_blocks, fence, to_html), len(fence), repeat)
    items = [piece.replace("\n\n", "\n- ").replace("`", "'") for piece in ["- a", *pieces]]
    _row("comrak, one long list, by blocks", partial(_by_blocks, items, to_html), len(items), repeat)

    print(f"\n{'one tail of 300 characters':<34}{'µs':>15}")
    raw = _markdown_it.render(TAIL)
    singles: dict[str, Callable[[], object]] = {
        "comrak and nh3, with chips": lambda: to_html(TAIL, is_highlighted=False),
        "markdown-it-py and nh3": lambda: by_markdown_it(TAIL),
        "markdown-it-py alone": lambda: _markdown_it.render(TAIL),
        "nh3 alone": lambda: sanitize(raw),
    }
    for name, call in singles.items():
        print(f"{name:<34}{_seconds(call, 300, repeat) / 300 * 1e6:>15.0f}")
    print(f"\n{'full render at the end':<34}{_seconds(lambda: render(reply), 3, repeat) / 3 * 1e3:>12.1f} ms")


def _row(name: str, run: Callable[[], tuple[int, int]], flush_count: int, repeat: int) -> None:
    sent, parsed = run()
    taken = _seconds(run, 1, repeat)
    print(f"{name:<34}{taken * 1e3:>15.1f}{taken / flush_count * 1e6:>12.0f}{sent / 1e3:>9.0f}{parsed / 1e3:>11.0f}")


def _by_blocks(pieces: list[str], convert: Convert) -> tuple[int, int]:
    renderer = BlockRenderer(convert)
    sent = 0
    for piece in pieces:
        patch = renderer.feed(piece)
        sent += len(patch.append) + len(patch.tail)
    sent += len(renderer.finish().append)
    return sent, renderer.parsed_char_count


def _whole(pieces: list[str], convert: Convert) -> tuple[int, int]:
    text = ""
    sent = parsed = 0
    for piece in pieces:
        text += piece
        sent += len(convert(text, is_highlighted=False))
        parsed += len(text)
    return sent, parsed


def _seconds(call: Callable[[], object], times: int, repeat: int) -> float:
    taken = []
    for _ in range(repeat):
        began = time.process_time()
        for _ in range(times):
            call()
        taken.append(time.process_time() - began)
    return median(taken)


if __name__ == "__main__":
    main()
