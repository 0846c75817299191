"""One request of a program that isn't a chat completion: planned, limited, budgeted, asked, recorded and priced as those are.

How a provider is asked is a `Source`; what it says is recorded, and passed on to whoever writes the answer.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from django.utils import timezone

from accounts.entrance import Refused, Request
from gateway import allowances
from gateway.calls import Call, Origin
from gateway.completions import refusals, routes
from gateway.completions.answering import origin_of
from gateway.completions.asked import Asked
from gateway.completions.books import Books
from gateway.completions.screened import rules_for, screen
from gateway.dialects.frames import Piece
from gateway.exchanges import Exchange
from gateway.protocol import ChatRequest, Delta, Finish, ProviderError, StreamPart, Usage
from gateway.screening import UNCHECKED, Blocked
from telemetry.redaction.masking import StreamRestorer

Part = StreamPart | Piece
Source = Callable[["Heard"], AsyncGenerator[Part, None]]


class Heard(Call):
    """One attempt. `values` are those behind the placeholders of the request, None where nothing is masked."""

    def __init__(
        self,
        request: ChatRequest,
        origin: Origin,
        *,
        source: Source,
        values: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(request, origin, **options)
        self._source = source
        self._values = values

    @property
    def is_masked(self) -> bool:
        """Whether the provider was given placeholders: then its own words can't be passed on as they are."""
        return self._values is not None

    async def parts(self) -> AsyncGenerator[Part, None]:
        """Ask the provider, record what it says, and pass that on. Raises `ProviderError`."""
        self.started_at, self._clock = timezone.now(), perf_counter()
        restorers: dict[int, StreamRestorer] = defaultdict(lambda: StreamRestorer(self._values or {}))
        async with aclosing(self._source(self)) as parts:
            async for part in parts:
                self._hear(part)
                if not self._values:
                    yield part
                    continue
                if isinstance(part, Finish) and (rest := restorers[part.index].flush()):
                    yield Delta(rest, index=part.index)
                yield _restored(part, restorers)
        self.rest()

    def _hear(self, part: Part) -> None:
        if isinstance(part, Delta):
            self._take(part)
        elif isinstance(part, Usage):
            self.usage = part
        elif isinstance(part, Finish):
            self.finish = part


class Inquiry:
    """The attempts that answer one request. `open` it, take its `parts`, and `close` the books, however that ends."""

    def __init__(self, exchange: Exchange, books: Books, headers: Mapping[str, str]) -> None:
        self._exchange = exchange
        self.books = books
        self._headers = headers

    @classmethod
    async def open(cls, request: Request, asked: Asked, source: Source, *, is_opaque: bool, operation: str) -> "Inquiry":
        """All that comes before the provider is asked. `is_opaque` is what nobody here can read. Raises `Refused`."""
        bearer = request.bearer
        rules = await rules_for(bearer)
        with refusals.told(rules):
            route = await routes.find(asked.model, bearer, subject=asked.end_user or str(bearer.user_id))
            if is_opaque and rules.policy.mode != "log_only":
                raise Blocked(UNCHECKED, {"WITHHELD": 1})
            screened = await screen(asked, rules)
        admission = await allowances.admit(bearer, tokens=asked.tokens)
        exchange = Exchange(
            ChatRequest(route.target, screened.messages, screened.parameters),
            origin_of(asked, request, operation=operation),
            rules=rules,
            route=route,
            kind=partial(Heard, source=source, values=screened.values),
        )
        books = Books(exchange, admission, size=asked.size)
        await books.open()
        return cls(exchange, books, admission.headers)

    def parts(self) -> AsyncGenerator[Part, None]:
        """What the attempt that answers says. Closing this ends the provider's call. Raises `ProviderError`."""
        return self._exchange.answers(self.books.record_attempt, Heard.parts)

    def refused(self, error: ProviderError) -> Refused:
        """The provider's fault as the caller reads it."""
        refused = refusals.of_provider(error, self._exchange.call.rules)
        refused.headers.update(self.headers)
        return refused

    @property
    def headers(self) -> dict[str, str]:
        """What is told of the call beside its answer."""
        call = self._exchange.call
        return {
            **self._headers,
            "x-ollive-inference-id": str(call.inference_id),
            "x-ollive-model": call.request.target.path.encode("ascii", "replace").decode(),
        }


def _restored(part: Part, restorers: Mapping[int, StreamRestorer]) -> Part:
    """The part with values in place of the placeholders that the provider was given for them."""
    if isinstance(part, Delta):
        return replace(part, content=restorers[part.index].feed(part.content))
    if not isinstance(part, Piece) or not isinstance(part.said, dict) or not isinstance(part.said.get("choices"), list):
        return part
    choices = [_restored_choice(choice, restorers[-1 - int(choice.get("index") or 0)]) for choice in part.said["choices"]]
    return Piece({**part.said, "choices": choices})


def _restored_choice(choice: Mapping[str, Any], restorer: StreamRestorer) -> Mapping[str, Any]:
    """A choice of a text's completion, which is passed on as its provider wrote it."""
    text = restorer.feed(str(choice.get("text") or ""))
    return {**choice, "text": text + restorer.flush() if choice.get("finish_reason") else text}
