"""A JSON object with a list in it, read so that one broken element costs only itself. Pure.

`read` takes a whole body: at once where it is sound, else element by element. `Elements` finds the elements while the bytes
arrive, so that a large body is never held in one piece.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from accounts.entrance import Refused

EVENT_BYTES = 1024 * 1024
CONTAINERS_FROM = 100_000
CONTAINERS_SHARE = 8  # more than one bracket in eight bytes is no text: as objects it would fill the memory

TOKEN = re.compile(rb'["\[\]{},]')
IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+("?)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Broken:
    """An element that can't be read: a code for the machine, a sentence for the person."""

    code: str
    message: str


NOT_JSON = Broken("not_json", "is not JSON")
TOO_DEEP = Broken("too_deep", "is nested too deeply")
TOO_LARGE = Broken("too_large", "is too large")


def read(body: bytes, name: str, *, limit: int = EVENT_BYTES) -> list[Any]:
    """The elements of the list `name`; one that can't be read is `Broken`. Raises `Refused` when there is no such list."""
    check_density(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read_one_by_one(body, name, limit=limit)
    elements = document.get(name) if isinstance(document, dict) else None
    if not isinstance(elements, list):
        raise missing(name)
    return elements


def read_element(raw: bytes) -> Any:
    """One element from its bytes; `Broken` when it can't be read. Bad UTF-8 and lone surrogates are left to be repaired."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except RecursionError:
        return TOO_DEEP
    except ValueError:
        return NOT_JSON


def check_density(body: bytes) -> None:
    """Raises `Refused` for a body that is mostly brackets."""
    if body.count(b"[") + body.count(b"{") > max(CONTAINERS_FROM, len(body) // CONTAINERS_SHARE):
        raise Refused(413, "too_many_values", "The body has more lists and objects than a batch of events could have.")


def missing(name: str) -> Refused:
    return Refused(400, "no_events", f'Send a JSON object with the list "{name}".')


def cut_off() -> Refused:
    return Refused(400, "not_json", "The body is not JSON, or is cut off.")


def _read_one_by_one(body: bytes, name: str, *, limit: int) -> list[Any]:
    elements = Elements(name, limit)
    found = [TOO_LARGE if raw is None else read_element(raw) for raw in elements.feed(body)]
    elements.finish()
    return found


class Elements:
    """Finds the elements of the list `name` of an object that arrives in chunks. It looks at brackets and strings only."""

    def __init__(self, name: str, limit: int = EVENT_BYTES) -> None:
        self._name = orjson.dumps(name)
        self._limit = limit
        self._buffer = b""
        self._at = 0  # what is before it was looked at
        self._start: int | None = None  # of the element or the key in hand
        self._depth = 0
        self._key = b""
        self._awaits_key = self._is_in_string = self._is_in_list = self._is_skipping = self._is_found = self._is_over = False

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """The elements that end in these bytes, as their own bytes; None for one that is longer than the limit."""
        self._buffer += data
        while self._advance():
            token = self._buffer[self._at - 1 : self._at]
            if token == b'"':
                self._begin_string()
            elif self._is_in_list and self._depth == 2 and token in b",]":
                yield from self._end_element(token)
            else:
                self._move(token)
        self._forget()

    def finish(self) -> None:
        """All has been fed. Raises `Refused` when the object is cut off, or has no such list."""
        if self._depth or self._is_in_string:
            raise cut_off()
        if not self._is_found:
            raise missing(json.loads(self._name))

    def _advance(self) -> bool:
        """Go on to the next token; False when more bytes are needed."""
        if self._is_in_string:
            inside = IN_STRING.match(self._buffer, self._at)
            assert inside is not None
            self._at = inside.end()
            if not inside[1]:
                return False
            self._is_in_string = False
            if self._depth == 1 and self._awaits_key:
                self._key, self._start, self._awaits_key = self._buffer[self._start : self._at], None, False
        found = TOKEN.search(self._buffer, self._at)
        self._at = found.end() if found else len(self._buffer)
        return found is not None

    def _begin_string(self) -> None:
        self._is_in_string = True
        if self._depth == 1 and self._awaits_key:
            self._start = self._at - 1

    def _move(self, token: bytes) -> None:
        if self._is_over:
            raise cut_off()
        if token in b"[{":
            self._depth += 1
            self._awaits_key = self._depth == 1 and token == b"{"
            if self._depth == 2 and token == b"[" and self._key == self._name:
                self._is_in_list = self._is_found = True
                self._start = self._at
        elif token == b",":
            self._awaits_key = self._depth == 1
        else:
            self._depth -= 1
            self._is_over = self._depth == 0
            if self._depth < self._is_in_list * 2:
                raise cut_off()

    def _end_element(self, token: bytes) -> Iterator[bytes | None]:
        assert self._start is not None
        raw = self._buffer[self._start : self._at - 1]
        if self._is_skipping or len(raw) > self._limit:
            yield None
        elif raw.strip() or token == b",":
            yield raw
        self._is_skipping = False
        self._start = self._at
        if token == b"]":
            self._depth -= 1
            self._is_in_list = False
            self._start = None

    def _forget(self) -> None:
        """Keep only what is still needed: an element that is too long is not."""
        if self._start is not None and self._at - self._start > self._limit:
            self._is_skipping = self._is_in_list
            self._start = self._at
        kept = self._at if self._start is None else self._start
        self._buffer = self._buffer[kept:]
        self._at -= kept
        if self._start is not None:
            self._start -= kept
