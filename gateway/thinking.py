"""Reasoning that small models write into their reply: `<think>…</think>` at its start, told apart while it streams."""

OPEN, CLOSE = "<think>", "</think>"


class ThoughtSplitter:
    """Feed it the pieces of a reply; it gives back (content, reasoning). What might be half a tag waits for its other half."""

    __slots__ = ("_has_thought", "_held", "_is_fresh", "_is_settled", "_is_thinking")

    def __init__(self) -> None:
        self._held = ""
        self._has_thought = False
        self._is_thinking = False
        self._is_fresh = False  # of a thought no word has come yet
        self._is_settled = False  # the reply itself has begun: nothing after that is a tag

    def feed(self, text: str) -> tuple[str, str]:
        if self._is_settled or not text:
            return text, ""
        self._held += text
        if self._is_thinking:
            return self._think()
        begun = self._held.lstrip()
        if begun.startswith(OPEN):
            self._is_thinking = self._has_thought = True
            self._held, self._is_fresh = begun[len(OPEN) :], True
            return self._think()
        # Nothing yet, or a part of the tag.
        return ("", "") if OPEN.startswith(begun) else (self._settle(), "")

    def flush(self) -> tuple[str, str]:
        """What was held back when the reply ended."""
        if self._is_thinking:
            held, self._held = self._held, ""
            return "", held
        return self._settle(), ""

    def _think(self) -> tuple[str, str]:
        if self._is_fresh:
            self._held = self._held.lstrip("\n")
            self._is_fresh = not self._held
        thought, tag, rest = self._held.partition(CLOSE)
        if tag:
            self._is_thinking, self._held = False, ""
            content, more = self.feed(rest)
            return content, thought.rstrip("\n") + more
        half = next((size for size in range(len(CLOSE) - 1, 0, -1) if self._held.endswith(CLOSE[:size])), 0)
        # The lines between the thought and its closing tag are no part of it.
        end = len(self._held[: len(self._held) - half].rstrip("\n"))
        thought, self._held = self._held[:end], self._held[end:]
        return "", thought

    def _settle(self) -> str:
        held, self._held, self._is_settled = self._held, "", True
        return held.lstrip() if self._has_thought else held
