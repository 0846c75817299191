"""Exports and imports of the log: every filter, every format, interrupted, repeated, into another database."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from pyarrow import parquet
from uuid_utils.compat import uuid7

from telemetry import erasure, exports, integrity, payloads
from telemetry.exports import cell
from telemetry.models import InferenceLog, RollupMark, SearchEntry
from tests.telemetry.calls import NOON, WORKSPACE, finished, record, record_calls, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(workspace):
    """The calls of this module are in a workspace that exists."""
    return workspace.id


def exported(**options):
    """The lines that `export_logs` writes, and what it says of them."""
    out, err = io.StringIO(), io.StringIO()
    call_command("export_logs", stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def lines(**options):
    return [json.loads(line) for line in exported(**options)[0].splitlines()]


def imported(path, **options):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_logs", str(path), stdout=out, stderr=err, **options)
    except CommandError as error:
        return out.getvalue() + err.getvalue() + str(error)
    return out.getvalue() + err.getvalue()


def rows():
    """Every row and what was said in it, with nothing left out but the internal references."""
    return [
        {name: getattr(call, name) for name in exports.COLUMNS} | {"content": payloads.content_of(call)}
        for call in InferenceLog.objects.order_by("received_at", "id")
    ]


def test_an_export_has_every_call_in_order(home):
    calls = record_calls(7, workspace_id=WORKSPACE)
    told = lines()
    assert [line["id"] for line in told] == [str(call.id) for call in calls]
    assert told[0]["input_preview"] == "How do tides work?"
    assert not {"payload_refs", "payload_parts", "content"} & told[0].keys()
    assert "7 calls; the last one:" in exported()[1]


def test_an_export_with_content_has_what_was_said(home):
    record_calls(1)
    (line,) = lines(with_content=True)
    assert line["content"]["messages"] == [{"role": "user", "content": "How do tides work?"}]
    assert line["content"]["reply"] == [{"role": "assistant", "content": "The moon pulls the water."}]


def test_an_export_goes_on_after_the_call_that_the_last_one_ended_with(home):
    record_calls(5)
    cursor = exported()[1].strip().partition("the last one: ")[2]
    assert lines(after=cursor) == []
    new = record_calls(3)
    assert [line["id"] for line in lines(after=cursor)] == [str(call.id) for call in new]


DISTINCT = {
    "model": "claude-sonnet-4-20250514", "provider": "anthropic", "environment": "staging", "app": "shop", "end_user": "u7",
    "version": "2",    "operation": "embeddings", "session_id": "s1", "trace_id": "ab" * 16, "is_stream": True,
}  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        {"workspace": "WORKSPACE"},
        {"model": ["claude-sonnet-4-20250514"]},
        {"provider": ["anthropic", "groq"]},
        {"environment": ["staging"]},
        {"app": ["shop"]},
        {"end_user": ["u7"]},
        {"app_version": ["2"]},
        {"operation": ["embeddings"]},
        {"session": "s1"},
        {"trace": "ab" * 16},
        {"is_stream": True},
        {"tags": ["night"]},
        {"source": ["gateway"]},
        {"status": ["error"]},
        {"error_class": ["timeout"]},
        {"key": "KEY"},
        {"user": "USER"},
        {"user": "EMAIL"},
        {"conversation": "KEY"},
        {"min_latency_ms": 5000},
        {"min_tokens": 1000},
        {"min_cost_usd": Decimal("0.001")},
        {"since": NOON + timedelta(minutes=30)},
    ],
    ids=str,
)
def test_each_filter_finds_its_calls(asked, home, alice):
    """One call differs from the others in everything; each filter finds it alone."""
    key = uuid7()
    record_calls(2, started_at=NOON)
    odd = uuid7()
    other = {
        **DISTINCT,
        "workspace_id": home,
        "api_key_id": key,
        "user_id": alice.id,
        "source": "gateway",
        "conversation_id": key,
    }
    record(
        started(odd, **other, tags=["night", "long"]),
        finished(
            odd,
            workspace_id=home,
            status="error",
            error_class="timeout",
            latency_ms=9000,
            input_tokens=90_000,
            reported_cost_usd="0.5",
        ),
    )
    InferenceLog.objects.exclude(id=odd).update(source="chat")
    values = {"WORKSPACE": home, "KEY": key, "USER": str(alice.id), "EMAIL": alice.email}
    (name, value), *_ = asked.items()
    value = values.get(value, value) if isinstance(value, str) else value
    if name == "since":
        value = InferenceLog.objects.get(id=odd).received_at
    if name in {"key", "user"}:
        value = [value]
    assert [line["id"] for line in lines(**{name: value})] == [str(odd)]


def test_a_filter_on_nobody_says_so(home):
    with pytest.raises(CommandError, match="There is no user nobody"):
        exported(user=["nobody@example.com"])


def test_the_export_walks_every_day_once(home):
    record_calls(2)
    for days in (1, 3, 9):
        call = record_calls(1)[0]
        moved = call.received_at - timedelta(days=days)
        from telemetry import partitions

        partitions.ensure_days({moved.date()})
        InferenceLog.objects.filter(id=call.id).update(received_at=moved)
    told = lines()
    assert len(told) == 5
    assert [line["received_at"] for line in told] == sorted(line["received_at"] for line in told)


def test_an_export_asks_as_often_for_20_calls_as_for_10(home, django_assert_max_num_queries):
    record_calls(10)
    with django_assert_max_num_queries(40) as few:
        lines()
    record_calls(10)
    with django_assert_max_num_queries(40) as many:
        lines()
    assert len(few) == len(many)


def test_csv_is_read_back_and_holds_no_formula(home, tmp_path):
    record_calls(2, app="=HYPERLINK(1)", end_user="@me", session_id="  -1+2", tags=["a", "b"], metadata={"a": 1})
    path = tmp_path / "calls.csv"
    exported(output=path, with_content=True)
    first, _ = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert (first["app"], first["end_user"], first["session_id"]) == ("'=HYPERLINK(1)", "'@me", "'  -1+2")
    assert (json.loads(first["tags"]), json.loads(first["metadata"]), first["latency_ms"]) == (["a", "b"], {"a": 1}, "2400")
    assert json.loads(first["messages"])[0]["content"] == "How do tides work?"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1"])
def test_no_text_of_a_cell_is_taken_for_a_formula(text):
    assert cell("app", text) == f"'{text}"


def test_a_cell_is_as_plain_as_it_can_be():
    assert [cell("app", "shop"), cell("app", None), cell("latency_ms", 5), cell("tags", ["-a"])] == ["shop", "", "5", '["-a"]']


def test_parquet_has_columns_of_their_own_types(home, tmp_path):
    record_calls(3, tags=["a"], metadata={"a": 1})
    path = tmp_path / "calls.parquet"
    exported(output=path, with_content=True)
    table = parquet.read_table(path)
    assert table.num_rows == 3
    first = table.to_pylist()[0]
    call = InferenceLog.objects.order_by("received_at", "id").first()
    assert (first["received_at"], first["cost_usd"], first["latency_ms"]) == (call.received_at, call.cost_usd, 2400)
    assert (first["tags"], json.loads(first["metadata"])) == (["a"], {"a": 1})
    assert json.loads(first["messages"])[0]["role"] == "user"


def test_parquet_and_resuming_need_a_file(home):
    with pytest.raises(CommandError, match="give --output"):
        exported(format="parquet")
    with pytest.raises(CommandError, match="give --output"):
        exported(resume=True)


def test_a_cursor_that_is_none_is_refused(home):
    with pytest.raises(CommandError, match="not the cursor"):
        exported(after="yesterday")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_an_interrupted_export_leaves_the_old_file_and_goes_on(kind, home, tmp_path, monkeypatch):
    record_calls(12)
    path = tmp_path / f"calls.{kind}"
    path.write_text("the one before")
    monkeypatch.setattr("telemetry.management.commands.export_logs.MARK_EVERY", 5)
    write = exports.Lines.write if kind == "jsonl" else exports.Table.write
    written: list = []

    def failing(self, row):
        if len(written) == 7:
            raise OSError(28, "No space left on device")
        written.append(row)
        write(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(exports.Lines if kind == "jsonl" else exports.Table, "write", failing)
        with pytest.raises(CommandError, match="No space left"):
            exported(output=path)
    assert path.read_text() == "the one before"
    exported(output=path, resume=True)
    ids = [str(call.id) for call in InferenceLog.objects.order_by("received_at", "id")]
    text = path.read_text()
    found = (
        [json.loads(line)["id"] for line in text.splitlines()]
        if kind == "jsonl"
        else [row["id"] for row in csv.DictReader(io.StringIO(text))]
    )
    assert found == ids
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def all_sorts(home):
    """Calls of every kind."""
    whole = [uuid7() for _ in range(3)]
    record(*[told for call in whole for told in (started(call, workspace_id=home), finished(call, workspace_id=home))])
    ids = [uuid7() for _ in range(4)]
    record(
        started(ids[0], workspace_id=home, tags=["a", "b"], metadata={"deep": [{"x": None}]}, parameters={"temperature": 0.5}),
        started(ids[1], workspace_id=home),
        finished(ids[1], workspace_id=home, status="error", error_class="timeout", error_message="Zeit — über", reply=None),
        finished(
            ids[2], workspace_id=home, status="canceled", token_times_ms=[1, 5, 9], model="unknown-model", provider="nobody"
        ),
        finished(
            ids[3], workspace_id=home, reported_cost_usd="0.000000012345", messages=["€ 😀"], reasoning="hm", tools=[{"a": 1}]
        ),
    )


def move_to_another_database(path):
    """Export everything, then forget all calls: what an import finds elsewhere."""
    exported(output=path, with_content=True)
    before = rows()
    erasure.erase_calls(InferenceLog.objects.all())
    assert not InferenceLog.objects.exists()
    return before


def test_what_is_exported_and_imported_elsewhere_is_equal(home, tmp_path):
    all_sorts(home)
    finished_ids = [uuid7() for _ in range(2)]
    record(*[finished(identity, workspace_id=home) for identity in finished_ids])
    path = tmp_path / "calls.jsonl"
    before = move_to_another_database(path)
    assert "9 calls stored, 0 known already, 0 refused" in imported(path)
    assert rows() == before
    assert [check.name for check in integrity.checks(deep=True) if not check.is_kept] == []
    assert SearchEntry.objects.count() == InferenceLog.objects.exclude(status="in_progress").count()
    assert RollupMark.objects.filter(workspace_id=home).exists()


def test_an_import_that_is_repeated_changes_nothing(home, tmp_path):
    all_sorts(home)
    path = tmp_path / "calls.jsonl"
    exported(output=path, with_content=True)
    before = rows()
    assert "0 calls stored, 7 known already, 0 refused" in imported(path)
    assert rows() == before
    path.write_text(path.read_text() * 2)
    move_to_another_database(tmp_path / "other.jsonl")
    assert "7 calls stored, 7 known already" in imported(path)
    assert [check.name for check in integrity.checks(deep=True) if not check.is_kept] == []


def test_a_dry_run_says_the_same_and_stores_nothing(home, tmp_path):
    all_sorts(home)
    path = tmp_path / "calls.jsonl"
    move_to_another_database(path)
    assert "7 calls would be stored, 0 known already" in imported(path, dry_run=True)
    assert not InferenceLog.objects.exists()


def line(home, **fields):
    told = {"id": str(uuid7()), "workspace_id": str(home), "received_at": "2026-11-20T10:00:00+00:00", "status": "success"}
    return json.dumps({name: value for name, value in (told | fields).items() if value != "gone"})


def test_each_bad_line_is_named_and_costs_itself_alone(home, tmp_path):
    bad = [
        "{not json",
        "[]",
        line(home, id="gone"),
        line(home, id="no uuid"),
        line(home, colour="red"),
        line(home, status="splendid"),
        line(home, workspace_id=str(WORKSPACE)),
        line(home, received_at="1970-01-01T00:00:00Z"),
        line(home, received_at="2999-01-01T00:00:00Z"),
        line(home, phases=7),
        line(home, input_tokens=-5),
        line(home, content={"secret": 1}),
        line(home, received_at="yesterday"),
    ]
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join([*(f"{text}\n{line(home)}" for text in bad), "", line(home)]))
    said = imported(path)
    assert f"{len(bad) + 1} calls stored, 0 known already, {len(bad)} refused" in said
    assert [text.split()[1] for text in said.splitlines() if text.startswith("line ")] == [
        str(2 * n + 1) for n in range(len(bad))
    ]
    assert InferenceLog.objects.count() == len(bad) + 1


def test_an_import_can_begin_at_a_line_and_end_in_another_workspace(home, tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join(line(WORKSPACE) for _ in range(5)))
    assert "3 calls stored" in imported(path, workspace=home, from_line=3)
    assert set(InferenceLog.objects.values_list("workspace_id", flat=True)) == {home}


def test_what_is_imported_is_redacted(home, tmp_path):
    path = tmp_path / "calls.jsonl"
    content = {"messages": [{"role": "user", "content": "I am alice@example.com"}], "reply": "Hello alice@example.com"}
    path.write_text(line(home, input_preview="I am alice@example.com", metadata={"of": "alice@example.com"}, content=content))
    imported(path)
    (row,) = rows()
    assert "alice@example.com" not in json.dumps(row, default=str)
    assert "alice@example.com" not in str(SearchEntry.objects.get().words)
    assert row["content"]["messages"][0]["content"] != ""


@pytest.mark.parametrize(("policy", "kept"), [("preview", ("hi", {})), ("none", (None, {}))])
def test_what_this_installation_does_not_keep_is_not_imported(policy, kept, home, tmp_path, settings):
    settings.OLLIVE_PAYLOADS = policy
    path = tmp_path / "calls.jsonl"
    path.write_text(line(home, input_preview="hi", content={"messages": ["hi"]}))
    imported(path)
    (row,) = rows()
    assert (row["input_preview"], row["content"]) == kept


def test_a_day_whose_calls_were_deleted_for_their_age_stays_so(home, tmp_path):
    from telemetry.models import SealedDay

    SealedDay.objects.create(day="2026-11-20")
    path = tmp_path / "calls.jsonl"
    path.write_text(f"{line(home)}\n{line(home, received_at='2026-11-21T10:00:00Z')}")
    said = imported(path)
    assert "1 calls stored, 0 known already, 1 refused" in said
    assert "deleted for their age" in said


def test_a_file_that_is_not_there_and_a_workspace_that_is_not_are_named(tmp_path, home):
    assert "can't be read" in imported(tmp_path / "nothing")
    assert "There is no workspace" in imported(tmp_path / "nothing", workspace=WORKSPACE)
