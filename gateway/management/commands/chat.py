"""`manage.py chat "…"`: ask a model from the terminal. Without a question it reads one from a pipe, or begins a talk."""

import asyncio
import sys
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway import adapters, catalogue
from gateway.calls import Bill, Call
from gateway.protocol import ProviderError
from gateway.screening import Blocked
from gateway.spending import BudgetRefusal
from gateway.terminal import NobodySuch, Talk, speaker
from telemetry import processes

CANCELED = 130  # what a shell tells of who was interrupted


class Command(BaseCommand):
    help = "Ask a model. The reply streams to the terminal, its figures to standard error; the call is recorded like any other."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prompt", nargs="?", help="The question. Without one: what is piped in, or a talk that Ctrl-D ends.")
        parser.add_argument("--model", default="", metavar="PATH", help="As manage.py models lists them, or a short name.")
        parser.add_argument("--system", default="", metavar="TEXT", help="What the model is told before anything else.")
        parser.add_argument("--user", metavar="EMAIL", help="Who asks. The owner, unless given.")
        parser.add_argument("--workspace", type=uuid.UUID, metavar="ID", help="The first that they joined, unless given.")
        parser.add_argument("--temperature", type=float, metavar="0–2")
        parser.add_argument("--max-tokens", type=int, metavar="N")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            part = speaker(options["user"], options["workspace"])
        except NobodySuch as error:
            raise CommandError(str(error)) from None
        model = options["model"] or catalogue.default_path(part.workspace_id, part.role)
        if not model:
            raise CommandError("No model is configured yet: see manage.py add_provider.")
        talk = Talk(part, model, processes.register("chat"), parameters=_parameters(options))
        if options["system"]:
            talk.messages.append({"role": "system", "content": options["system"]})
        with processes.beating(talk.process_id, kind="chat", at_most_seconds=24 * 3600):
            if options["prompt"] is not None:
                self._ask(talk, options["prompt"])
            elif not sys.stdin.isatty():
                self._ask(talk, sys.stdin.read())
            else:
                self._talk(talk)

    def _talk(self, talk: Talk) -> None:
        self.stderr.write(f"{talk.model}. Ctrl-D ends the talk, Ctrl-C stops a reply.")
        while True:
            try:
                prompt = input("> ")
            except (EOFError, KeyboardInterrupt):
                self.stdout.write("")
                return
            if prompt.strip():
                try:
                    self._ask(talk, prompt)
                except CommandError as error:
                    self.stderr.write(self.style.ERROR(str(error)))

    def _ask(self, talk: Talk, prompt: str) -> None:
        if not prompt.strip():
            raise CommandError("The question is empty.")
        try:
            call, bill = asyncio.run(self._say(talk, prompt))
        except (ProviderError, BudgetRefusal, Blocked) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=CANCELED) from None
        self.stdout.write("")
        self.stderr.write(_figures(call, bill))

    async def _say(self, talk: Talk, prompt: str) -> tuple[Call, Bill]:
        try:
            return await talk.say(prompt, self._write)
        finally:
            await adapters.aclose()

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()


def _parameters(options: dict[str, Any]) -> dict[str, float | int]:
    wanted = {"temperature": options["temperature"], "max_tokens": options["max_tokens"]}
    if wanted["temperature"] is not None and not 0 <= wanted["temperature"] <= 2:
        raise CommandError("The temperature is from 0 to 2.")
    if wanted["max_tokens"] is not None and wanted["max_tokens"] < 1:
        raise CommandError("A reply has at least one token.")
    return {name: value for name, value in wanted.items() if value is not None}


def _figures(call: Call, bill: Bill) -> str:
    """`openai/gpt-5 · 12 + 240 tokens · $0.0021 · first token after 310 ms · 2.4 s`"""
    usage, target = bill.usage, call.request.target
    about = "" if bill.source == "provider" else "about "
    cost = "cost unknown" if bill.price is None else f"{about}${bill.price.usd:.4f}"
    parts = [target.path, f"{about}{usage.prompt_tokens} + {usage.completion_tokens} tokens", cost]
    if call.ttft_ms is not None:
        parts.append(f"first token after {call.ttft_ms} ms")
    return " · ".join([*parts, f"{call.latency_ms / 1000:.1f} s"])
