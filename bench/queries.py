"""How long the reads take at 100 thousand, 1 million and 10 million rows: lists by every filter, dashboards, searches; then
the pages that make them.

Real PostgreSQL, demo traffic: `python -m bench.queries [--rows 10000000] [--data DIR] [--only NAME] [--explain]`.
With --data the database stays in DIR and is used again; it then holds one size of traffic, that of the first run.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import queries_pages

if TYPE_CHECKING:
    from uuid import UUID

    from telemetry.models import InferenceLog

SIZES = (100_000, 1_000_000)  # 10,000,000 takes half an hour and 30 GB
TARGETS = queries_pages.TARGETS | {"list": 150, "dashboard": 300, "search": 500, "id": 150}  # ms at p95, with 10 million rows


@dataclass(frozen=True)
class Read:
    """One read to measure: what kind it is, its name, and how it is done; it returns how many rows or groups it got."""

    kind: str
    name: str
    run: Callable[[], int]


@dataclass(frozen=True)
class Measured:
    """Milliseconds, SQL queries, and what the read returned."""

    read: Read
    first_ms: float
    p50_ms: float
    p95_ms: float
    query_count: int
    found: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--data", type=Path, help="keep the database here, and use it again")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="reads whose name has this in it")
    parser.add_argument("--explain", action="store_true", help="print the plans of the reads, with buffers")
    options = parser.parse_args()
    if len(options.rows) > 1:
        for rows in options.rows:  # each in a process of its own: Django knows one database
            given = ["--rows", str(rows), "--rounds", str(options.rounds), "--only", options.only]
            subprocess.run([sys.executable, "-m", "bench.queries", *given], check=True)
        return
    from bench.database import database

    (rows,) = options.rows
    with database(options.data) as folder:
        began = time.perf_counter()
        _seed(rows)
        took, size = time.perf_counter() - began, _database_bytes()
        print(
            f"\n{rows:,} rows in {took:,.0f} s ({rows / took:,.0f}/s), {size / 1e9:.1f} GB, {size / rows:,.0f} B/row, in {folder}"
        )
        _measure_all(options.rounds, options.only, is_explained=options.explain)


def _measure_all(rounds: int, only: str, *, is_explained: bool) -> None:
    print(f"{'':10} {'':44} {'first':>9} {'p50':>9} {'p95':>9} {'target':>7} {'SQL':>4} {'found':>6}")
    for read in _reads():
        if only not in f"{read.kind} {read.name}":
            continue
        measured = _measure(read, rounds)
        late = "" if measured.p95_ms <= TARGETS[read.kind] else "  over"
        print(
            f"{read.kind:10} {read.name:44} {measured.first_ms:7.1f}ms {measured.p50_ms:7.1f}ms {measured.p95_ms:7.1f}ms "
            f"{TARGETS[read.kind]:5}ms {measured.query_count:4} {measured.found:6}{late}",
            flush=True,
        )
        if is_explained:
            _explain(read)


def _measure(read: Read, rounds: int) -> Measured:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        began = time.perf_counter()
        found = read.run()
        first = (time.perf_counter() - began) * 1000
    query_count = len(queries)  # before the next request empties their list
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        read.run()
        times.append((time.perf_counter() - began) * 1000)
    p95 = statistics.quantiles(times, n=20)[-1] if rounds > 1 else times[0]
    return Measured(read, first, statistics.median(times), p95, query_count, found)


def _explain(read: Read) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        read.run()
    with connection.cursor() as cursor:
        for query in queries.captured_queries:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query['sql']}")
            print("\n".join(f"    {line}" for (line,) in cursor.fetchall()), "\n")


def _reads() -> list[Read]:
    from telemetry.demo.filling import marks
    from telemetry.models import InferenceLog

    plan = next(iter(marks().values()))
    now = plan.until_at
    calls = InferenceLog.objects.filter(workspace_id=plan.workspace_id)
    middle = now - timedelta(days=plan.days // 2)
    by_key = calls.filter(source="sdk", received_at__lt=middle, received_at__gte=middle - timedelta(days=2)).order_by(
        "-received_at"
    )[0]
    by_chat = calls.filter(source="chat", received_at__lt=middle, received_at__gte=middle - timedelta(days=2)).order_by(
        "-received_at"
    )[0]
    workspace = by_key.workspace_id
    return [
        *_lists(workspace, by_key, by_chat, now),
        *_dashboards(workspace, now),
        *_searches(workspace, by_key, by_chat, now),
        *(Read(*page) for page in queries_pages.pages(workspace, by_key, by_chat, now)),
    ]


def _lists(workspace: "UUID", by_key: "InferenceLog", by_chat: "InferenceLog", now: datetime) -> list[Read]:
    from telemetry.queries.filters import Filters
    from telemetry.queries.pages import Cursor, logs_page

    cases: dict[str, dict[str, Any]] = {
        "no filter": {},
        "status error": {"status": ["error"]},
        "status success": {"status": ["success"]},
        "status interrupted": {"status": ["interrupted"]},
        "source": {"source": ["litellm"]},
        "operation, no hit": {"operation": ["embeddings"]},
        "provider": {"provider": ["mistral"]},
        "model, common": {"model": ["gpt-4o-mini"]},
        "model, rare": {"model": ["in-house-preview"]},
        "served model": {"served_model": ["gpt-4o-2024-08-06"]},
        "user": {"user_id": [by_key.user_id]},
        "key": {"api_key_id": [by_key.api_key_id]},
        "end user": {"end_user": [by_key.end_user]},
        "app": {"app": ["notebook"]},
        "environment": {"environment": ["staging"]},
        "version": {"version": ["2.0.0-rc1"]},
        "tag": {"tags": ["vip"]},
        "tag, no hit": {"tags": ["nothing has it"]},
        "error class, rare": {"error_class": ["authentication"]},
        "finish reason": {"finish_reason": ["length"]},
        "not streamed": {"is_stream": False},
        "latency from 20 s": {"min_latency_ms": 20_000},
        "latency from 200 s": {"min_latency_ms": 200_000},
        "cost from $0.02": {"min_cost_usd": Decimal("0.02")},
        "cost from $1": {"min_cost_usd": Decimal(1)},
        "tokens from 5,000": {"min_tokens": 5_000},
        "error, rare class and model": {"status": ["error"], "error_class": ["authentication"], "model": ["in-house-preview"]},
        "three filters and a range": {
            "status": ["error", "canceled"],
            "provider": ["groq", "azure"],
            "environment": ["staging"],
            "min_latency_ms": 5_000,
        },
        "conversation": {"conversation_id": by_chat.conversation_id},
        "session": {"session_id": by_key.session_id},
        "trace": {"trace_id": by_key.trace_id},
        "one day, two weeks ago": {"since": now - timedelta(days=15), "until": now - timedelta(days=14), "status": ["error"]},
    }

    def read(name: str, fields: dict[str, Any]) -> Read:
        return Read("list", name, lambda: len(logs_page(Filters(workspace, **fields), now=now).lines))

    middle = Cursor(by_key.received_at, by_key.id)
    rare = Filters(workspace, status=["error"], error_class=["authentication"])
    return [
        *(read(name, fields) for name, fields in cases.items()),
        Read("list", "no filter, from the middle", lambda: len(logs_page(Filters(workspace), middle, now=now).lines)),
        Read("list", "rare class, from the middle", lambda: len(logs_page(rare, middle, now=now).lines)),
        Read("list", "rare class, newer than the middle", lambda: len(logs_page(rare, middle, is_newer=True, now=now).lines)),
    ]


def _dashboards(workspace: "UUID", now: datetime) -> list[Read]:
    from telemetry.queries import charts, shares
    from telemetry.queries.filters import Filters

    month = Filters(workspace, since=now - timedelta(days=30), until=now)
    week = Filters(workspace, since=now - timedelta(days=7), until=now)
    openai = Filters(workspace, since=month.since, until=now, provider=["openai"])
    return [
        Read("dashboard", "30 days, p50-p99 by model", lambda: len(charts.latency(month, by=["model"], now=now))),
        Read("dashboard", "30 days, TTFT p50-p99 by model", lambda: len(charts.latency(month, of="ttft", by=["model"], now=now))),
        Read("dashboard", "30 days, overview", lambda: charts.overview(month, now=now).current.call_count),
        Read("dashboard", "30 days, p50-p99 by day", lambda: len(charts.latency_over_time(month, step="day", now=now))),
        Read("dashboard", "7 days, p50-p99 by hour", lambda: len(charts.latency_over_time(week, step="hour", now=now))),
        Read("dashboard", "7 days, calls by hour and model", lambda: len(charts.traffic(week, step="hour", by="model", now=now))),
        Read("dashboard", "30 days, cost by model and day", lambda: len(charts.traffic(month, step="day", by="model", now=now))),
        Read("dashboard", "30 days, top users by cost", lambda: len(charts.greatest(month, "user_id", now=now))),
        Read("dashboard", "30 days, sources of one provider", lambda: len(charts.greatest(openai, "source", now=now))),
        Read("dashboard", "30 days, error classes", lambda: len(shares.error_classes(month, now=now))),
        Read("dashboard", "finish reasons, newest 20,000", lambda: len(shares.finish_reasons(month, now=now))),
        Read(
            "dashboard", "conversations by cost, one day", lambda: len(shares.costly_conversations(month, now=now).conversations)
        ),
    ]


def _searches(workspace: "UUID", by_key: "InferenceLog", by_chat: "InferenceLog", now: datetime) -> list[Read]:
    from telemetry.queries.filters import Filters
    from telemetry.queries.ids import calls_by_id
    from telemetry.queries.words import words_page

    everything = Filters(workspace)
    errors = Filters(workspace, status=["error"], model=["in-house-preview"])
    typed = {
        "very common word": "the",
        "common word": "measure",
        "rare word (1 in 1,000)": "ref0421",
        "no hit": "nosuchwordanywhere",
        "phrase": '"night train"',
        "phrase of common words": '"the number"',
        "two words and an exclusion": "solar panels -newsletter",
        "beginning": "regul*",
        "many beginnings": "re*",
    }
    ids = {
        "call": str(by_key.id),
        "call, beginning": str(by_key.id)[:16],
        "trace": str(by_key.trace_id),
        "conversation": str(by_chat.conversation_id),
        "session": str(by_key.session_id),
        "session, beginning of all": "session",
    }

    def search(name: str, words: str, filters: Filters) -> Read:
        return Read("search", name, lambda: len(words_page(filters, words, now=now).page.lines))

    def find(name: str, text: str) -> Read:
        return Read("id", name, lambda: len(calls_by_id(workspace, text)))

    return [
        *(search(name, words, everything) for name, words in typed.items()),
        search("common word, rare filters", "the", errors),
        *(find(name, text) for name, text in ids.items()),
    ]


def _seed(rows: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from telemetry.demo.filling import marks

    held = next(iter(marks().values()), None)
    if held and held.rows != rows:
        sys.exit(f"The folder holds {held.rows:,} rows: name another --data for {rows:,}.")
    call_command("seed_demo", rows=rows, days=held.days if held else 30)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # what was written is not to be measured with what is read


def _database_bytes() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
