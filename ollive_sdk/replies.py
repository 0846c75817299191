"""What a reply in OpenAI's shapes says: whole, or gathered from a stream's chunks. Read by name, so that relatives fit too."""

from collections.abc import Mapping
from typing import Any, Protocol

from ollive_sdk.encoding import is_given
from ollive_sdk.usage import usage_fields

REASONING = ("reasoning_content", "reasoning")


class Reply(Protocol):
    """Reads one call's reply. `add` says whether the chunk brought something of the model's."""

    def whole(self, response: Any) -> dict[str, Any]: ...
    def add(self, chunk: Any) -> bool: ...
    def gathered(self) -> dict[str, Any]: ...
    @property
    def is_complete(self) -> bool: ...


class ChatReply:
    """Chat completions; completions of a text too."""

    def __init__(self) -> None:
        self._choices: dict[int, dict[str, Any]] = {}
        self._usage: Any = None
        self._model: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every choice has said why it stopped: a stream that is left then is not canceled."""
        return bool(self._choices) and all(choice.get("finish_reason") for choice in self._choices.values())

    def whole(self, response: Any) -> dict[str, Any]:
        messages, reasoning, reasons = [], [], []
        for choice in getattr(response, "choices", None) or []:
            message = getattr(choice, "message", None)
            told = _plain(message) if message is not None else {"role": "assistant", "content": getattr(choice, "text", None)}
            reasoning += [told.pop(name) for name in REASONING if isinstance(told.get(name), str)][:1]
            messages.append(told)
            reasons.append(getattr(choice, "finish_reason", None))
        return _fields(messages, reasoning, reasons, getattr(response, "model", None), getattr(response, "usage", None))

    def add(self, chunk: Any) -> bool:
        self._model = self._model or getattr(chunk, "model", None)
        self._usage = getattr(chunk, "usage", None) or self._usage
        is_news = False
        for choice in getattr(chunk, "choices", None) or ():
            is_news |= self._add_choice(choice)
        return is_news

    def gathered(self) -> dict[str, Any]:
        messages, reasoning, reasons = [], [], []
        for _, choice in sorted(self._choices.items()):
            message = {"role": choice["role"], "content": "".join(choice["content"]) or None}
            if choice["calls"]:
                message["tool_calls"] = [call for _, call in sorted(choice["calls"].items())]
            if choice["refusal"]:
                message["refusal"] = "".join(choice["refusal"])
            messages.append(message)
            reasoning += ["".join(choice["reasoning"])] if choice["reasoning"] else []
            reasons.append(choice["finish_reason"])
        return _fields(messages, reasoning, reasons, self._model, self._usage)

    def _add_choice(self, choice: Any) -> bool:
        index = getattr(choice, "index", 0)
        held = self._choices.get(index)
        if held is None:
            held = {"role": "assistant", "content": [], "reasoning": [], "refusal": [], "calls": {}, "finish_reason": None}
            self._choices[index] = held
        delta = getattr(choice, "delta", None)
        held["finish_reason"] = getattr(choice, "finish_reason", None) or held["finish_reason"]
        text = getattr(delta, "content", None) or getattr(choice, "text", None)
        if text:
            held["content"].append(text)
            return True
        for name, place in (*((name, "reasoning") for name in REASONING), ("refusal", "refusal")):
            if isinstance(said := getattr(delta, name, None), str) and said:
                held[place].append(said)
                return True
        calls = getattr(delta, "tool_calls", None) or ()
        for call in calls:
            _add_call(held["calls"], call)
        return bool(calls)


class ResponsesReply:
    """The Responses API: its stream ends with an event that has the whole response."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._final: Any = None
        self.is_complete = False

    def whole(self, response: Any) -> dict[str, Any]:
        output = [_plain(item) for item in getattr(response, "output", None) or []]
        reasoning = [item for item in output if item.get("type") == "reasoning"]
        details = getattr(response, "incomplete_details", None)
        reason = getattr(details, "reason", None) or getattr(response, "status", None)
        said = [item for item in output if item.get("type") != "reasoning"]
        told = _fields(said, [], [reason], getattr(response, "model", None), getattr(response, "usage", None))
        return told | ({"reasoning": reasoning} if reasoning else {})

    def add(self, chunk: Any) -> bool:
        kind = getattr(chunk, "type", "") or ""
        if kind in {"response.completed", "response.incomplete", "response.failed"}:
            self._final, self.is_complete = getattr(chunk, "response", None), True
        if kind == "response.output_text.delta":
            self._pieces.append(chunk.delta)
        return kind.endswith(".delta")

    def gathered(self) -> dict[str, Any]:
        if self._final is not None:
            return self.whole(self._final)
        return {"reply": {"role": "assistant", "content": "".join(self._pieces)}} if self._pieces else {}

    @property
    def failure(self) -> str | None:
        """What the provider says went wrong in the middle of the stream."""
        error = getattr(self._final, "error", None)
        return None if error is None else str(getattr(error, "message", error))


class EmbeddingsReply:
    """Embeddings: the vectors are not kept."""

    is_complete = True

    def whole(self, response: Any) -> dict[str, Any]:
        return _fields([], [], [], getattr(response, "model", None), getattr(response, "usage", None))

    def add(self, chunk: Any) -> bool:
        return False

    def gathered(self) -> dict[str, Any]:
        return {}


def _fields(messages: list[Any], reasoning: list[Any], reasons: list[Any], model: str | None, usage: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"served_model": model, **usage_fields(usage)}
    if messages:
        told["reply"] = messages[0] if len(messages) == 1 else messages
    if reasoning:
        told["reasoning"] = reasoning[0] if len(reasoning) == 1 else reasoning
    told["finish_reason"] = next(filter(None, reasons), None)
    return {name: value for name, value in told.items() if is_given(value)}


def _add_call(calls: dict[int, dict[str, Any]], piece: Any) -> None:
    index = getattr(piece, "index", None) or 0
    call = calls.setdefault(index, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}})
    call["id"] = call["id"] or getattr(piece, "id", None)
    function = getattr(piece, "function", None)
    call["function"]["name"] += getattr(function, "name", None) or ""
    call["function"]["arguments"] += getattr(function, "arguments", None) or ""


def _plain(value: Any) -> dict[str, Any]:
    """A message as JSON has it; what a client library adds to it by itself (parsed objects) left out."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        told = value.model_dump(mode="json", exclude_none=True, warnings=False)
        told.pop("parsed", None)
        return dict(told)
    return {"content": str(value)}
