"""Cases as they are written down: read from a form, a line of JSON or a call, checked, and written as a line again.

A line has `messages` (as models are asked) or `input` (a text, or such messages), and may have `expected`, `name` and `scorers`.
What other tools call `ideal`, `expected_output` or `expectedOutput` is `expected`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from accounts.storable import without_nul

ROLES = ("system", "developer", "user", "assistant", "tool")
EXPECTED = ("expected", "ideal", "expected_output", "expectedOutput", "reference")
MOST_MESSAGES = 200
MOST_SCORERS = 20
LONGEST = 400_000  # characters of one case as JSON
LONGEST_NAME = 100
LONGEST_SCORER = 1000


class InvalidCase(ValueError):
    """What is wrong with a case; `field` is to blame."""

    def __init__(self, message: str, field: str = "messages") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Draft:
    """A case that is not stored yet."""

    messages: list[dict[str, Any]]
    expected: str = ""
    name: str = ""
    scorers: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        said = [self.messages, self.expected, self.name, list(self.scorers)]
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def draft(asked: Any, *, expected: Any = "", name: Any = "", scorers: Any = ()) -> Draft:
    """A case of what somebody gave. Raises `InvalidCase`."""
    if not isinstance(name, str) or len(name := " ".join(name.split())) > LONGEST_NAME:
        raise InvalidCase(f"A name is a text of at most {LONGEST_NAME} characters.", "name")
    if isinstance(scorers, str):
        scorers = [scorers]
    if not isinstance(scorers, list | tuple) or not all(isinstance(scorer, str) for scorer in scorers):
        raise InvalidCase('Scorers are a list of texts, such as ["contains:Paris"].', "scorers")
    told = tuple(without_nul(scorer.strip()) for scorer in scorers if scorer.strip())
    if len(told) > MOST_SCORERS or any(len(scorer) > LONGEST_SCORER for scorer in told):
        raise InvalidCase(f"At most {MOST_SCORERS} scorers, each of at most {LONGEST_SCORER} characters.", "scorers")
    found = Draft(without_nul(_messages(asked)), without_nul(_text(expected)), without_nul(name), told)
    if len(orjson.dumps(found.messages)) + len(found.expected) > LONGEST:
        raise InvalidCase(f"It is longer than {LONGEST:,} characters.")
    return found


def typed(text: str) -> Any:
    """What stands in the field of a form: a JSON list of messages, or else one question in plain text."""
    if text.lstrip().startswith("["):
        try:
            read = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        if isinstance(read, list) and read and all(isinstance(message, dict) for message in read):
            return read
    return text


def as_typed(messages: list[dict[str, Any]]) -> str:
    """The other way round."""
    if len(messages) == 1 and messages[0].keys() == {"role", "content"} and messages[0]["role"] == "user":
        content = messages[0]["content"]
        if isinstance(content, str) and not content.lstrip().startswith("["):
            return content
    return orjson.dumps(messages, option=orjson.OPT_INDENT_2).decode()


def read_lines(lines: Iterable[bytes]) -> Iterator[Draft]:
    """The cases of a JSONL file, one a line. Raises `InvalidCase` that names the line."""
    for number, line in enumerate(lines, 1):
        if not (text := line.strip().removeprefix(b"\xef\xbb\xbf")):
            continue
        try:
            yield of_record(orjson.loads(text))
        except orjson.JSONDecodeError:
            raise InvalidCase(f"Line {number} is no JSON. A file has one JSON object a line.", "file") from None
        except InvalidCase as error:
            raise InvalidCase(f"Line {number}: {error}", "file") from None


def of_record(record: Any) -> Draft:
    """A case of an object of JSON. Raises `InvalidCase`."""
    if not isinstance(record, dict):
        raise InvalidCase("It is no JSON object.")
    asked = record["messages"] if "messages" in record else record.get("input")
    if asked is None:
        raise InvalidCase("It has neither messages nor input.")
    expected = next((record[name] for name in EXPECTED if record.get(name) is not None), "")
    return draft(asked, expected=expected, name=record.get("name") or "", scorers=record.get("scorers") or ())


def line(case: Any) -> bytes:
    """A stored case as `read_lines` takes it."""
    told: dict[str, Any] = {"messages": case.messages, "expected": case.expected}
    if case.name:
        told["name"] = case.name
    if case.scorers:
        told["scorers"] = case.scorers
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _messages(asked: Any) -> list[dict[str, Any]]:
    if isinstance(asked, str):
        if not asked.strip():
            raise InvalidCase("Nothing is asked.")
        return [{"role": "user", "content": asked}]
    if isinstance(asked, Mapping) and isinstance(asked.get("messages"), list):
        asked = asked["messages"]
    if not isinstance(asked, list) or not asked:
        raise InvalidCase("What is asked is a text, or a list of messages.")
    if len(asked) > MOST_MESSAGES:
        raise InvalidCase(f"A case has at most {MOST_MESSAGES} messages.")
    return [_message(message) for message in asked]


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise InvalidCase(f"A message has a role ({', '.join(ROLES)}) and a content.")
    content = message.get("content")
    is_said = isinstance(content, str) or (isinstance(content, list) and all(isinstance(part, dict) for part in content))
    if not is_said and not (content is None and message.get("tool_calls")):
        raise InvalidCase("The content of a message is a text, or a list of parts.")
    return dict(message)


def _text(expected: Any) -> str:
    """OpenAI's `ideal` may be a list of answers, of which the first stands; anything else that is no text is JSON."""
    if isinstance(expected, list) and expected and all(isinstance(one, str) for one in expected):
        return str(expected[0])
    return expected if isinstance(expected, str) else orjson.dumps(expected).decode()
