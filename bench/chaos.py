"""Kills parts of a running Ollive under load, again and again, and counts what was lost: `make chaos`.

For each fault and round pages follow live replies, programs send events and resend them until they are acknowledged; one part is
struck, the supervisor heals. Then every reply must have ended within 45 s, what pages showed must be stored, each call must be
one row, and each acknowledged event must be in the log, once. At the end comes the negative control: a variant that answers
before it commits, which must lose. Exit code 1 when anything was lost or doubled, or when the control lost nothing.
"""

import argparse
import asyncio
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from bench.chaos_faults import FAULTS, tear_spools
from bench.chaos_ingest import Sender, silence_after
from bench.chaos_pages import Page, follow_all
from bench.chaos_product import Product, running

SPOOL = "spool torn at every byte"
CONTROL = "control: answers early"
ALLOWED_SECONDS = 45.0
SETTLE_SECONDS = 90.0
HEAD = f"{'fault':27} {'reps':>5} {'accepted':>9} {'stored':>9} {'duplicated':>11} {'lost':>6} {'worst recovery':>15}"
COUNT = """
SELECT count(*), count(DISTINCT id), coalesce(sum((phases & 1) + (phases >> 1 & 1)), 0)
FROM inference_log WHERE id = ANY(%s::uuid[])
"""


@dataclass
class Outcome:
    """What a fault did, over its rounds. Replies and events are counted together; a reply counts as one."""

    fault: str
    reps: int = 0
    accepted: int = 0
    stored: int = 0
    duplicated: int = 0
    lost: int = 0
    recovery_seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.lost and not self.duplicated and self.recovery_seconds <= ALLOWED_SECONDS and not self.remarks

    def __str__(self) -> str:
        line = f"{self.fault:27} {self.reps:5} {self.accepted:9} {self.stored:9} {self.duplicated:11} {self.lost:6}"
        return "\n".join([f"{line} {self.recovery_seconds:13.1f} s", *(f"  {remark}" for remark in self.remarks)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=12, help="live replies in a round")
    parser.add_argument("--senders", type=int, default=4, help="programs that send events")
    parser.add_argument("--faults", nargs="+", default=[*FAULTS, SPOOL], choices=[*FAULTS, SPOOL], metavar="FAULT")
    parser.add_argument("--quick", action="store_true", help="one round, four replies, short stops: a few minutes")
    parser.add_argument("--no-control", action="store_true", help="leave the negative control out")
    parser.add_argument("--control", action="store_true", help="the negative control alone")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what the product says of the harm done to it is in its own log
    if given.quick:
        given.rounds, given.runs, given.senders = 1, 4, 2
    if given.control:
        sys.exit(0 if control(given) else 1)
    print(HEAD, flush=True)
    is_sound = True
    with running(longest_stop=5.0 if given.quick else 20.0) as product:
        for fault in given.faults:
            outcome = tear_all() if fault == SPOOL else play_all(product, fault, given)
            print(outcome, flush=True)
            is_sound &= outcome.is_sound
        is_sound &= check_records()
    if not given.no_control:
        # In a process of its own: this one's settings are those of the first installation.
        is_sound &= subprocess.run([sys.executable, "-m", "bench.chaos", "--control", *sys.argv[1:]], check=False).returncode == 0
    sys.exit(0 if is_sound else 1)


def check_records() -> bool:
    """All that `check_integrity --deep` looks at, after all that was done."""
    from django.db import connections

    from telemetry import integrity

    connections.close_all()
    failed = [check for check in integrity.checks(deep=True) if not check.is_kept]
    for check in failed:
        print(f"  not kept: {check.name}: {check.figures}")
    print(f"{'check_integrity --deep':27} {'not ' if failed else ''}kept", flush=True)
    return not failed


def control(given: argparse.Namespace) -> bool:
    """The variant that answers before it commits, with its web process killed: it must be seen to lose."""
    with running(python_path=str(Path(__file__).with_name("hollow"))) as product:
        outcome = Outcome(CONTROL)
        for _ in range(3 * given.rounds):
            asyncio.run(play(product, "postgres", outcome, pages=0, senders=given.senders))
            asyncio.run(play(product, "web", outcome, pages=0, senders=given.senders))
            if outcome.lost:
                break
    outcome.remarks = [] if outcome.lost else ["the control lost nothing: what is said above proves nothing"]
    print(outcome, flush=True)
    return outcome.lost > 0


def play_all(product: Product, fault: str, given: argparse.Namespace) -> Outcome:
    outcome = Outcome(fault)
    for _ in range(given.rounds):
        asyncio.run(play(product, fault, outcome, pages=given.runs, senders=given.senders))
    return outcome


async def play(product: Product, fault: str, outcome: Outcome, *, pages: int, senders: int) -> None:
    """One round."""
    followed, sending, stop = [Page() for _ in range(pages)], [Sender() for _ in range(senders)], asyncio.Event()
    following = asyncio.create_task(follow_all(followed, product.url, product.cookie))
    load = [asyncio.create_task(sender.send_until(stop, product.url, product.token)) for sender in sending]
    await asyncio.sleep(1 + random.random() * 3)
    struck_at = time.monotonic()
    await asyncio.to_thread(FAULTS[fault], product.target)
    await asyncio.wait([following], timeout=ALLOWED_SECONDS + 30)
    while not any(at > struck_at + 1 for sender in sending for at in sender.answered_at):  # it must come back
        await asyncio.sleep(0.1)
        if time.monotonic() > struck_at + SETTLE_SECONDS:
            break
    stop.set()
    await asyncio.gather(*load)
    ended = [page.ended_at or float("inf") for page in followed]
    outcome.reps += 1
    spans = [outcome.recovery_seconds, silence_after(sending, struck_at), *(at - struck_at for at in ended)]
    outcome.recovery_seconds = max(spans)
    await asyncio.to_thread(judge, followed, sending, outcome)


def judge(pages: Sequence[Page], senders: Sequence[Sender], outcome: Outcome) -> None:
    """Compare what was seen and acknowledged with what is stored, once the inbox is empty."""
    from django.db import connections

    connections.close_all()
    await_digest(outcome)
    judge_replies(pages, outcome)
    judge_calls([call for sender in senders for call in sender.acknowledged], outcome)
    if refused := sum(sender.unacknowledged for sender in senders):
        outcome.remarks.append(f"{refused} calls were not acknowledged within a minute")
    judge_accounts(outcome)


def judge_calls(acknowledged: Sequence[UUID], outcome: Outcome) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(COUNT, [list(acknowledged)])
        rows, calls, events = cursor.fetchone()
    outcome.accepted += 2 * len(acknowledged)
    outcome.stored += int(events)
    outcome.duplicated += rows - calls
    outcome.lost += 2 * len(acknowledged) - int(events)


def judge_replies(pages: Sequence[Page], outcome: Outcome) -> None:
    """A reply is lost when it has no end, when a page showed what is not stored, or when its call has no ended row."""
    from chat.models import Message
    from telemetry.models import InferenceLog

    for page in pages:
        reply = Message.objects.filter(run_id=page.run).first() if page.run else None
        outcome.accepted += 1
        if reply is None:
            outcome.lost += 1
            continue
        stored = " ".join(reply.content.split())
        is_kept = reply.status != "streaming" and all(stored.startswith(text) for text in page.texts)
        rows = InferenceLog.objects.filter(message_id=reply.id)
        is_logged = rows.exclude(status="in_progress").count() == 1
        outcome.stored += is_kept and is_logged
        outcome.lost += not (is_kept and rows.exists())
        outcome.duplicated += rows.count() > 1
        if page.ended_at is None:
            outcome.remarks.append(
                f"a page saw no end of reply {reply.run_id}, which is {reply.status}; its last frame was {page.seq}"
            )
        if is_kept and rows.count() == 1 and not is_logged:
            outcome.remarks.append(f"the call of reply {reply.id} is still in progress")


def judge_accounts(outcome: Outcome) -> None:
    from telemetry import tallies

    balance = tallies.balance()
    if balance.missing or balance.dead:
        outcome.remarks.append(balance.equation)


def await_digest(outcome: Outcome) -> None:
    """Until nothing waits, and no call of a dead process is open."""
    from django.db import Error as DatabaseError
    from django.db import connection

    from telemetry.models import InboxEvent, InferenceLog

    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        try:
            if not InboxEvent.objects.exists() and not InferenceLog.objects.filter(status="in_progress").exists():
                return
        except DatabaseError:
            connection.close()
        time.sleep(0.25)
    outcome.remarks.append(f"after {SETTLE_SECONDS:g} s the inbox is not empty, or calls are still open")


def tear_all() -> Outcome:
    """The spool, torn everywhere: what was kept is stored, what was torn is counted and nowhere else."""
    from django.db import connections

    from telemetry import tallies

    connections.close_all()
    outcome = Outcome(SPOOL)
    kept: list[UUID] = []
    torn: list[UUID] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ollive-chaos-") as folder:
        for calls, half, is_counted in tear_spools(Path(folder)):
            kept += calls
            torn.append(half)
            outcome.reps += 1
            if not is_counted:
                outcome.remarks.append(f"a torn record was not counted (round {outcome.reps})")
    outcome.recovery_seconds = (time.monotonic() - began) / max(1, outcome.reps)
    await_digest(outcome)
    judge_calls(kept, outcome)
    ghosts = Outcome("")
    judge_calls(torn, ghosts)
    if ghosts.stored:
        outcome.remarks.append(f"{ghosts.stored} torn records were stored")
    if tallies.balance().missing:
        outcome.remarks.append(tallies.balance().equation)
    return outcome


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")
    main()
