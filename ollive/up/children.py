"""A process that the supervisor starts, listens to, starts again when it dies, and stops."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ollive.env import BASE_DIR
from ollive.up.console import say
from ollive.up.failures import StartError

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0  # seconds between the death of a process and its next start
STEADY_SECONDS = 30.0  # whoever lived this long starts again with the first pause
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Program:
    """What is started, and how it is asked to end. An `is_gated` one waits until `Child.release`."""

    name: str
    command: Callable[[], list[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 5.0
    last_signal: signal.Signals = signal.SIGKILL
    descriptors: tuple[int, ...] = ()
    is_gated: bool = False


class Child:
    """One program and its current process."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.last_line = ""
        self._process: asyncio.subprocess.Process | None = None
        self._started_at = 0.0
        self._reader: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._is_released = not program.is_gated

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def age_seconds(self) -> float:
        """How long the current process has lived; 0 between two of them."""
        return asyncio.get_running_loop().time() - self._started_at if self._process is not None else 0.0

    async def start(self) -> None:
        """Start the process. The kernel ends it with the thread that does this, so it must be the main one."""
        program = self.program
        self._started_at = asyncio.get_running_loop().time()
        self._process = await asyncio.create_subprocess_exec(
            *program.command(),
            stdin=asyncio.subprocess.DEVNULL if self._is_released else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **program.environment},
            cwd=BASE_DIR,
            pass_fds=program.descriptors,
            start_new_session=True,  # the terminal's Ctrl-C is for the supervisor alone
        )
        assert self._process.stdout is not None
        self._reader = asyncio.create_task(self._show(self._process.stdout))

    def release(self) -> None:
        """Let a gated process go on."""
        self._is_released = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def wait(self) -> int:
        """Wait for the process's end and its last words; its exit code, negative for a signal."""
        assert self._process is not None
        assert self._reader is not None
        code = await self._process.wait()
        # Who outlives it may hold its output open: a dead PostgreSQL's workers do, for a moment.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._reader, 1)
        return code

    async def must_live(self) -> None:
        """End with the sentence for a person when the process dies; for the time in which that is fatal."""
        code = await self.wait()
        raise StartError(f"Ollive cannot start: {self.name} ended ({ending(code)}): {self.last_line or 'it said nothing'}")

    def keep(self) -> None:
        """From now on start the process again whenever it dies."""
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            if self._process is None:
                await self.start()
            code = await self.wait()
            if self.age_seconds > STEADY_SECONDS:
                pause = FIRST_PAUSE
            say("up", f"{self.name} ended ({ending(code)}); it starts again in {pause:g} s")
            self._process = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def restart(self) -> None:
        """Kill a process that no longer does its work; its keeper starts the next one."""
        self._send(signal.SIGKILL)

    async def stop(self, *, hurry: asyncio.Event) -> None:
        """Ask the process to end, wait for its grace or until there is a hurry, then end it."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is None:
            return
        self._send(self.program.stop_signal)
        end = asyncio.create_task(self.wait())
        haste = asyncio.create_task(hurry.wait())
        await asyncio.wait([end, haste], timeout=self.program.grace_seconds, return_when=asyncio.FIRST_COMPLETED)
        haste.cancel()
        if not end.done():
            self._send(self.program.last_signal)
        await end
        self._process = None

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _show(self, stream: asyncio.StreamReader) -> None:
        """Read in pieces: a line may be longer than any limit."""
        rest = b""
        while piece := await stream.read(PIECE_BYTES):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._say(line)
        if rest:
            self._say(rest)

    def _say(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self.last_line = text
            say(self.name, text)


def ending(code: int) -> str:
    """An exit code in words."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
