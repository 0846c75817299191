"""Large originals are kept outside the log, in whatever store, found by their call alone, and erased with it."""

import stat
from datetime import date
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer
from uuid_utils.compat import uuid7

from telemetry import erasure, payloads, raw_payloads, tallies
from telemetry.models import Payload, RawPayload
from tests.telemetry.calls import WORKSPACE, finished, only_row, record, started

pytestmark = pytest.mark.django_db

LARGE = {"request": {"prompt": "tides " * 4000}, "response": {"id": "chatcmpl-1", "contact": "alice@example.com"}}


@pytest.fixture(scope="module")
def bucket():
    """A server that speaks S3's language, on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="originals")
        yield client
        client.close()
    server.stop()


@pytest.fixture(params=["database", "file", "s3"])
def store(request, settings, tmp_path):
    if request.param == "file":
        settings.OLLIVE_RAW_PAYLOADS = f"file://{tmp_path}/originals"
    elif request.param == "s3":
        request.getfixturevalue("bucket")
        settings.OLLIVE_RAW_PAYLOADS = f"s3://originals/{uuid7()}"
    raw_payloads._store.cache_clear()
    yield raw_payloads.store()
    raw_payloads._store.cache_clear()


def keys_of(store) -> list[date]:
    return list(store.days())


def test_a_large_original_is_kept_by_reference_and_redacted(store):
    record(finished(raw_payload=LARGE))
    row = only_row()
    assert row.raw_payload_uri == f"ollive-raw:{store.name}/{row.day}/{WORKSPACE}/{row.id}"
    assert "raw_payload" not in row.payload_parts
    shown = payloads.content_of(row)["raw_payload"]
    assert shown["request"] == {"prompt": "tides " * 4000}
    assert "alice@example.com" not in str(shown)
    assert not Payload.objects.filter(body__contains="tides tides").exists()


def test_a_small_one_stays_with_the_call(store):
    record(finished(raw_payload={"id": "chatcmpl-1"}))
    assert (only_row().raw_payload_uri, payloads.content_of(only_row())["raw_payload"]) == (None, {"id": "chatcmpl-1"})
    assert keys_of(store) == []


def test_a_resend_writes_the_same_place(store):
    call = uuid7()
    record(started(call, raw_payload=LARGE))
    record(finished(call, raw_payload=LARGE))
    record(finished(call, raw_payload=LARGE))
    assert payloads.content_of(only_row())["raw_payload"]["request"] == LARGE["request"]
    assert keys_of(store) == [only_row().day]


def test_it_is_erased_with_its_call(store):
    record(finished(raw_payload=LARGE))
    row = only_row()
    erasure.erase_calls([row])
    assert raw_payloads.read(row) is None
    assert tallies.balance().missing == 0


def test_days_that_the_log_has_dropped_are_dropped(store):
    record(finished(raw_payload=LARGE))
    row = only_row()
    assert raw_payloads.prune({row.day}) == []
    assert raw_payloads.prune(set()) == [row.day]
    assert raw_payloads.read(row) is None
    assert payloads.content_of(row)["raw_payload"] is None


def test_a_workspaces_day_is_dropped_alone(store):
    record(finished(raw_payload=LARGE))
    row = only_row()
    raw_payloads.forget(row.day, uuid4())
    assert raw_payloads.read(row) is not None
    raw_payloads.forget(row.day, row.workspace_id)
    assert raw_payloads.read(row) is None


def test_an_address_that_a_caller_made_up_leads_nowhere(store):
    record(finished(raw_payload=LARGE))
    theirs = only_row()
    record(finished(raw_payload_uri=theirs.raw_payload_uri))
    forged = type(theirs).objects.exclude(id=theirs.id).get()
    assert payloads.content_of(forged)["raw_payload"] is None
    erasure.erase_calls([forged])
    assert raw_payloads.read(theirs) is not None


def test_a_callers_own_address_is_kept_as_told(store):
    record(finished(raw_payload_uri="s3://their-bucket/call-7"))
    assert only_row().raw_payload_uri == "s3://their-bucket/call-7"
    assert "raw_payload" not in payloads.content_of(only_row())


def test_files_are_for_their_user_alone(settings, tmp_path):
    settings.OLLIVE_RAW_PAYLOADS = f"file://{tmp_path}/originals"
    record(finished(raw_payload=LARGE))
    (file,) = [path for path in (tmp_path / "originals").rglob("*") if path.is_file()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("address", ["s3://no-such-bucket/x", "file:///dev/null/originals", "ftp://nowhere"])
def test_a_store_that_refuses_loses_nothing(bucket, settings, address):
    settings.OLLIVE_RAW_PAYLOADS = address
    drained = record(finished(raw_payload=LARGE))
    assert (drained.stored, drained.failed) == (1, 0)
    assert only_row().raw_payload_uri is None
    assert payloads.content_of(only_row())["raw_payload"]["request"] == LARGE["request"]


def test_a_store_that_went_away_is_named_where_the_original_would_be(store, settings):
    record(finished(raw_payload=LARGE))
    settings.OLLIVE_RAW_PAYLOADS = "s3://no-such-bucket/x"
    row = only_row()
    if store.name == "s3":
        assert "can't be reached" in payloads.shown_content_of(row)["raw_payload"]
        with pytest.raises(raw_payloads.StoreError, match="no-such-bucket"):
            payloads.content_of(row)
        with pytest.raises(raw_payloads.StoreError, match="no-such-bucket"):
            erasure.erase_calls([row])
        assert only_row().id == row.id


def test_a_setting_that_leads_nowhere_is_named(settings):
    settings.OLLIVE_RAW_PAYLOADS = "ftp://somewhere"
    with pytest.raises(raw_payloads.StoreError, match="OLLIVE_RAW_PAYLOADS"):
        raw_payloads.store()
    assert not RawPayload.objects.exists()
