"""The negative control of `bench.chaos`: with this folder on PYTHONPATH the web process answers before anything is committed.

Python imports this module at its start; it changes the group-commit writer once that is loaded. The product knows nothing of it.
"""

import asyncio
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

TARGET = "telemetry.writer"


class Finder(importlib.abc.MetaPathFinder):
    """Lets others find the module, and changes it when it is loaded."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                hollow(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def hollow(writer: Any) -> None:
    """The answer comes first, the commit some time later, if at all."""
    durable = writer.Writer.append
    waiting: set[asyncio.Task[Any]] = set()

    def forget(done: asyncio.Task[Any]) -> None:
        waiting.discard(done)
        if not done.cancelled():
            done.exception()  # asked for, so that Python doesn't complain that nobody did

    async def append(self: Any, events: Sequence[Any], rejected: Mapping[str, int]) -> Any:
        task = asyncio.create_task(durable(self, events, rejected))
        waiting.add(task)
        task.add_done_callback(forget)
        return writer.Appended(len(events), 0)

    writer.Writer.append = append


sys.meta_path.insert(0, Finder())
