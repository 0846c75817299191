"""A call made for a program: what the provider says goes out at once, and is put together for the log beside that.

In the modes `log_only` and `block` the provider's own bytes are passed on; in `mask` its deltas pass the redactor and come back
with values for placeholders. What is stored is redacted once, at the end.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from time import perf_counter
from typing import Any

from django.utils import timezone

from gateway import directory
from gateway.adapters import adapter_for
from gateway.adapters.direct import DirectAdapter
from gateway.adapters.usage import from_openai
from gateway.answer_cache import Kept
from gateway.calls import Bill, Call, Ending, Origin
from gateway.completions import wholes
from gateway.completions.collected import Collected
from gateway.completions.composed import Composer
from gateway.completions.relay import Relay, encode, frame
from gateway.protocol import ChatRequest, Delta, Finish, StreamPart, Usage

REPEATED = frozenset({"tools", "parameters", "tags", "metadata"})


class Answer(Call):
    """One attempt. `values` are those behind the placeholders of the request, None where nothing is masked.

    With `again`, a kept answer, nobody is asked.
    """

    def __init__(
        self,
        request: ChatRequest,
        origin: Origin,
        *,
        values: Mapping[str, str] | None = None,
        again: Kept | None = None,
        **options: Any,
    ) -> None:
        super().__init__(request, origin, **options)
        self._again = again
        self.said = Collected()
        self.head: Mapping[str, Any] = {}
        self._values = values
        self._choice_count = int(request.parameters.get("n") or 1)
        self._is_asked = self._has_output = False
        self._composed_by: Composer | None = None

    @property
    def has_output(self) -> bool:
        return self._has_output

    @property
    def received(self) -> str:
        return self.said.text

    @property
    def reasoning(self) -> str:
        return self.said.reasoning

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Ask the provider; the bytes of the events to pass on, without the usage and the end. Raises `ProviderError`."""
        self._begin()
        adapter = adapter_for(self.request.target)
        is_plain = isinstance(adapter, DirectAdapter) and self._values is None and self._again is None
        asked = self._relayed(adapter) if is_plain and isinstance(adapter, DirectAdapter) else self._composed()
        async with aclosing(asked) as pieces:
            async for piece in pieces:
                yield piece

    async def whole(self) -> AsyncGenerator[wholes.Whole, None]:
        """Ask the provider; its answer in one piece. Raises `ProviderError`."""
        self._begin()
        target = self.request.target
        adapter = adapter_for(target)
        if self._again is not None or not isinstance(adapter, DirectAdapter):
            async for _ in self._composed():
                pass
            yield wholes.Whole(encode(self._composer().whole()), self.finish.served_model, None)
            return
        body = await adapter.whole(self.request)
        who = directory.label(target.provider)
        answer = wholes.read(body, self.said, who=who, model=target.model)
        self._tick()
        self._has_output = True
        if answer.usage:
            self.usage = from_openai(answer.usage)
        self.finish = Finish(self.said[min(self.said)].finish, 0, answer.model)
        if self._values is not None:
            wholes.unmask(answer, self.said, rules=self.rules, values=self._values)
        yield answer

    def last_frames(self, bill: Bill) -> bytes:
        """The chunk with the usage, in the provider's words where it told."""
        return frame({**self.head, "choices": [], "usage": self.told_usage(bill)})

    def told_usage(self, bill: Bill) -> Mapping[str, Any]:
        usage = bill.usage
        return usage.raw or {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
        }

    def bill(self, ending: Ending) -> Bill:
        """Whoever was not asked is not paid."""
        return super().bill(ending) if self._is_asked else Bill(Usage(), "none", None)

    def _begin(self) -> None:
        self._is_asked = True
        self.started_at, self._clock = timezone.now(), perf_counter()

    def _tick(self) -> None:
        elapsed_ms = (perf_counter() - self._clock) * 1000
        self._timings.add(elapsed_ms)
        if self._first_token_ms is None:
            self._first_token_ms = elapsed_ms

    async def _relayed(self, adapter: DirectAdapter) -> AsyncGenerator[bytes, None]:
        target = self.request.target
        relay = Relay(directory.label(target.provider), target.model, self._choice_count, self.said)
        self.head = relay.head
        async with aclosing(adapter.read(self.request, relay)) as pieces:
            try:
                async for piece in pieces:
                    self._has_output = True
                    self._tick()
                    yield piece
            finally:
                self._note_end(relay.head["model"])
                if relay.usage:
                    self.usage = from_openai(relay.usage)

    async def _composed(self) -> AsyncGenerator[bytes, None]:
        composer = self._composer()
        finishes: list[Finish] = []
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                if isinstance(part, Delta):
                    self._tick()
                    self._has_output = True
                    if sent := composer.take(part):
                        yield sent
                elif isinstance(part, Usage):
                    self.usage = part
                else:
                    finishes.append(part)
        yield composer.end(finishes)
        self._has_output = True
        self._note_end(finishes[0].served_model if finishes else "")

    async def _parts(self) -> AsyncGenerator[StreamPart, None]:
        if self._again is not None:
            for part in self._again.parts():
                yield part
            return
        async with aclosing(adapter_for(self.request.target).stream(self.request)) as parts:
            async for part in parts:
                yield part

    def _composer(self) -> Composer:
        if self._composed_by is None:
            served = self._again.served_model if self._again else ""
            self._composed_by = Composer(
                served or self.request.target.model,
                self._choice_count,
                self.said,
                redactor=self.rules.redactor,
                values=self._values,
            )
            self.head = self._composed_by.head
        return self._composed_by

    def _note_end(self, served_model: str) -> None:
        first = self.said.get(min(self.said)) if self.said else None
        self.finish = Finish(first.finish if first else "", 0, served_model)

    def _repeated(self) -> dict[str, Any]:
        """The first event was durable before anybody was asked: what is long is not told again."""
        return {name: value for name, value in self._identity().items() if name not in REPEATED}

    def _reply(self) -> Any:
        return self.said.reply
