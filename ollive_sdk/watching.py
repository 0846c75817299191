"""Watches a wrapped call from outside: its answer and its exceptions reach the host as they are."""

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

from ollive_sdk.replies import Reply
from ollive_sdk.safety import harmless
from ollive_sdk.stopwatch import Call


class Watch:
    """One call and what is known of its reply. As a context manager it notes the exception that passes through."""

    __slots__ = ("call", "reply")

    def __init__(self, call: Call, reply: Reply) -> None:
        self.call, self.reply = call, reply

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, StopIteration | StopAsyncIteration):
            self.finish()
        elif error is not None:
            self.end_with(error)

    @harmless
    def whole(self, response: Any) -> None:
        self.call.finish(**self.reply.whole(response))

    @harmless
    def add(self, chunk: Any) -> None:
        if self.reply.add(chunk):
            self.call.token()

    @harmless
    def finish(self) -> None:
        """The stream came to its end."""
        failure = getattr(self.reply, "failure", None)
        if failure:
            self.call.fail(failure, **self.reply.gathered())
        else:
            self.call.finish(**self.reply.gathered())

    @harmless
    def end_with(self, error: BaseException) -> None:
        self.call.end_with(error, **self.reply.gathered())

    @harmless
    def leave(self) -> None:
        """The host wants no more of the stream: canceled, unless the model had said its last."""
        if not self.call.is_ended:
            if self.reply.is_complete:
                self.finish()
            else:
                self.call.cancel(**self.reply.gathered())


class Watched:
    """Stands for a stream: `isinstance` and every attribute answer as the stream itself does."""

    def __init__(self, stream: Any, watch: Watch) -> None:
        self._ollive_stream, self._ollive_watch = stream, watch

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._ollive_stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ollive_stream, name)

    def __del__(self) -> None:
        if "_ollive_watch" in self.__dict__:
            self._ollive_watch.leave()


class WatchedStream(Watched):
    """A stream that is iterated."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._ollive_watch:
            chunk = next(self._ollive_stream)
        self._ollive_watch.add(chunk)
        return chunk

    def __enter__(self) -> "WatchedStream":
        self._ollive_stream.__enter__()
        return self

    def __exit__(self, *raised: Any) -> Any:
        with_error = self._ollive_stream.__exit__(*raised)
        self._ollive_watch.leave()
        return with_error

    def close(self) -> None:
        with self._ollive_watch:
            self._ollive_stream.close()
        self._ollive_watch.leave()


class WatchedAsyncStream(Watched):
    """A stream that is iterated with `async for`."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        with self._ollive_watch:
            chunk = await self._ollive_stream.__anext__()
        self._ollive_watch.add(chunk)
        return chunk

    async def __aenter__(self) -> "WatchedAsyncStream":
        await self._ollive_stream.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> Any:
        with_error = await self._ollive_stream.__aexit__(*raised)
        self._ollive_watch.leave()
        return with_error

    async def close(self) -> None:
        with self._ollive_watch:
            await self._ollive_stream.close()
        self._ollive_watch.leave()

    async def aclose(self) -> None:
        with self._ollive_watch:
            await self._ollive_stream.aclose()
        self._ollive_watch.leave()


def watched(result: Any, watch: Watch, *, is_async: bool) -> Any:
    """The result itself, or what stands for it while it is streamed. Never raises. LiteLLM's streams are of both kinds."""
    if is_async and hasattr(result, "__anext__"):
        return WatchedAsyncStream(result, watch)
    if not is_async and hasattr(result, "__next__"):
        return WatchedStream(result, watch)
    watch.whole(result)
    return result
