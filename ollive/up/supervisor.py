"""Starts everything, says when a person may come in, keeps it running, and stops it in order."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ollive import env
from ollive.up import bytecode, counting, doors, heartbeats, postgres, programs, valkey
from ollive.up.children import Child, Program
from ollive.up.console import announce, say
from ollive.up.data_folder import DataFolder
from ollive.up.failures import StartError
from ollive.up.plan import make_plan, wants_local_model

SERVER_SECONDS = 60.0  # for PostgreSQL and Valkey to answer: recovery after a crash takes its time
WEB_SECONDS = 60.0


Result = TypeVar("Result")


class Supervisor:
    """The processes of one data folder, from the start to the end."""

    def __init__(self, folder: DataFolder, door: socket.socket) -> None:
        self._folder = folder
        self._door = door
        self._plan = make_plan(folder)
        self._children: dict[str, Child] = {}
        self._watch: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Until the task is canceled, or something that is needed does not start."""
        try:
            self._folder.offer(self._plan.services)
            await self._start()
            await asyncio.Event().wait()
        finally:
            await self._stop()

    def hurry(self) -> None:
        """Give nobody grace any more."""
        self._hurry.set()

    async def _start(self) -> None:
        """Everything that takes time is begun at once, the longest first; each step waits only for what it needs."""
        outcome, web = await self._begin_web()
        servers = await self._start_servers()
        if cluster := self._plan.cluster:
            postgres.prepare(cluster)
            servers[await self._begin(programs.postgres(cluster))] = cluster.is_ready
        await self._while_alive([*servers, web], self._await_servers(servers))
        web.release()
        owner = await self._while_alive([*servers], self._read(outcome, web))
        await self._while_alive([*servers, web], doors.await_answer(self._door, seconds=WEB_SECONDS))
        self._welcome(owner)
        for child in (*servers, web):
            child.keep()
        worker = await self._begin(programs.worker())
        beat = await self._begin(programs.beat(self._folder.make("beat")))
        for child in (worker, beat):
            child.keep()
        drain = self._children["drain"] = Child(programs.drain())
        self._watch = asyncio.create_task(heartbeats.watch(worker, drain))

    async def _begin_web(self) -> tuple[int, Child]:
        """The web process, and the pipe in which it says how the preparation went. Started again, it only serves."""
        outcome, writer = os.pipe()
        child = await self._begin(programs.web(self._door.fileno(), outcome=writer))
        os.close(writer)
        child.program = programs.web(self._door.fileno())
        return outcome, child

    async def _read(self, pipe: int, web: Child) -> dict[str, Any]:
        """What the preparation came to. The pipe ends with the preparation or with the process."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb"))
        text = await reader.read()
        if not text:
            await web.must_live()
        outcome: dict[str, Any] = json.loads(text)
        if "error" in outcome:
            raise StartError(outcome["error"])
        return outcome

    async def _start_servers(self) -> dict[Child, Callable[[int], bool]]:
        """Valkey, which is needed, and the model, which is not: Ollive is ready without it."""
        servers: dict[Child, Callable[[int], bool]] = {}
        if store := self._plan.store:
            valkey.prepare(store)
            servers[await self._begin(programs.valkey(store))] = store.is_ready
        if model := self._plan.model:
            (await self._begin(programs.model(model))).keep()
        elif wants_local_model():
            say("up", "the demo model is not installed: `make run` installs it, or give a provider's key")
        return servers

    async def _begin(self, program: Program) -> Child:
        child = self._children[program.name] = Child(program)
        await child.start()
        return child

    async def _await_servers(self, servers: dict[Child, Callable[[int], bool]]) -> None:
        for child, is_ready in servers.items():
            with contextlib.suppress(asyncio.TimeoutError):
                async with asyncio.timeout(SERVER_SECONDS):
                    while not is_ready(child.pid):  # noqa: ASYNC110 - the event is in another process
                        await asyncio.sleep(0.02)
                continue
            raise StartError(f"{child.name} does not answer after {SERVER_SECONDS:g} s; its last words: {child.last_line}")

    async def _while_alive(self, children: list[Child], work: Coroutine[Any, Any, Result]) -> Result:
        """Work that is given up, with the reason, when one of the processes dies."""
        job = asyncio.create_task(work)
        watches = [asyncio.create_task(child.must_live()) for child in children]
        try:
            await asyncio.wait([job, *watches], return_when=asyncio.FIRST_COMPLETED)
            for watch in watches:
                if watch.done():
                    watch.result()
            return await job
        finally:
            for task in (job, *watches):
                task.cancel()
            await asyncio.gather(job, *watches, return_exceptions=True)

    def _welcome(self, outcome: dict[str, Any]) -> None:
        address = doors.address(self._door)
        announce(f"\nOllive is ready: {address}")
        if path := outcome["sign_in_path"]:
            announce(f"Sign in as {outcome['email']} with this link; it works once, within 24 hours: {address.rstrip('/')}{path}")
        announce("")

    async def _stop(self) -> None:
        """New connections are refused first; then whoever needs the others ends before them."""
        self._door.close()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        for name in programs.STOP_ORDER:
            if child := self._children.get(name):
                await child.stop(hurry=self._hurry)
        self._folder.withdraw()


async def supervise() -> None:
    folder = DataFolder(env.DATA_DIR, env.SERVICES_FILE, env.LOCK_FILE)
    folder.open()
    os.environ.update(bytecode.environment(env.DATA_DIR))
    os.environ.update(counting.environment(folder.make("metrics")))
    with doors.open_door() as door:
        supervisor = Supervisor(folder, door)
        task = asyncio.create_task(supervisor.run())

        def end() -> None:
            if task.cancelling():
                supervisor.hurry()
            else:
                say("up", "stopping; once more to stop at once")
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup outlives the terminal
                asyncio.get_running_loop().add_signal_handler(number, end)
        with contextlib.suppress(asyncio.CancelledError):
            await task
    say("up", "stopped")


def main() -> int:
    """Run until a signal; the exit code."""
    try:
        asyncio.run(supervise())
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"Ollive may not use {error.filename} ({error.strerror}): mend its owner, or set OLLIVE_DATA_DIR.", file=sys.stderr)
        return 1
    return 0
