"""Calls by their words: what is indexed when, what is found by what, and what is kept apart."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from telemetry import erasure, processes, search_terms
from telemetry.models import InferenceLog, Process, SearchEntry
from telemetry.queries.filters import Filters
from telemetry.queries.words import Results, words_page
from telemetry.search_text import LIMIT, searched
from tests.telemetry.calls import WORKSPACE, finished, record, started

pytestmark = pytest.mark.django_db


def said(question: str, answer: str, workspace: UUID = WORKSPACE, **fields) -> UUID:
    call = uuid7()
    record(
        started(call, messages=[{"role": "user", "content": question}], workspace_id=workspace, **fields),
        finished(call, reply=answer, workspace_id=workspace),
    )
    return call


def find(typed: str, workspace: UUID = WORKSPACE, **options) -> Results:
    filters = Filters(workspace, **options.pop("filters", {}))
    return words_page(filters, typed, now=datetime.now(UTC), **options)


def ids(typed: str, **options) -> list[UUID]:
    return [line.id for line in find(typed, **options).page.lines]


def test_a_call_is_found_by_what_was_asked_and_by_what_was_answered():
    call = said("How deep is the harbour?", "Nine metres at spring tide.")
    said("How high is the lighthouse?", "Forty metres.")
    assert ids("harbour") == ids("spring") == ids("HARBOUR spring") == [call]
    assert len(ids("metres")) == 2
    assert ids("harbour lighthouse") == []


def test_phrases_beginnings_and_exclusions():
    one = said("Plan a trip by night train", "Take the train at night.")
    two = said("Train for a night race", "Run slowly.")
    assert ids('"night train"') == [one]
    assert set(ids("night train")) == {one, two}
    assert ids("night -race") == [one]
    assert ids("trip*") == ids("tri*") == [one]
    assert ids('train -"night train"') == [two]


def test_a_call_in_progress_is_found_once_it_has_ended():
    call = uuid7()
    record(started(call, messages=[{"role": "user", "content": "earlier words"}, {"role": "user", "content": "the last words"}]))
    assert ids("last") == []
    record(finished(call, reply="an answer"))
    assert ids("last answer") == [call]
    assert ids("earlier") == []


def test_a_call_that_went_silent_is_found_by_its_question():
    process = processes.register("web")
    call = uuid7()
    record(started(call, process_id=process, messages=[{"role": "user", "content": "lost at sea"}]))
    Process.objects.all().delete()
    processes.close_silent()
    assert ids("sea") == [call]


def test_a_call_is_found_by_its_error():
    call = uuid7()
    record(started(call), finished(call, status="error", reply=None, error_class="timeout", error_message="upstream fell asleep"))
    assert ids("asleep") == ids("tides asleep") == [call]


def test_a_long_conversation_is_found_by_its_last_message():
    call = uuid7()
    history = [{"role": "user", "content": f"message number {number}"} for number in range(200)]
    record(started(call, messages=[*history, {"role": "user", "content": "finally"}]))
    record(finished(call))
    assert ids("finally") == [call]


def test_only_redacted_words_are_indexed():
    said("My address is alice.liddell@example.com, write to it", "Done.")
    assert ids("alice.liddell@example.com") == []
    assert not SearchEntry.objects.extra(where=["words::text LIKE '%%liddell%%'"]).exists()
    assert len(ids("address")) == 1


def test_an_erased_call_is_not_found():
    said("How deep is the harbour?", "Nine metres.")
    erasure.erase_calls(InferenceLog.objects.all())
    assert ids("harbour") == []
    assert not SearchEntry.objects.exists()


def test_workspaces_are_kept_apart():
    elsewhere = UUID("00000000-0000-4000-8000-000000000002")
    theirs = said("How deep is the harbour?", "Nine metres.", workspace=elsewhere)
    assert ids("harbour") == []
    assert ids("harbour", workspace=elsewhere) == [theirs]


def test_filters_hold_beside_words():
    one = said("How deep is the harbour?", "Nine metres.", model="gpt-4o", tags=["sea"])
    said("How deep is the harbour?", "Nine metres.")
    assert ids("harbour", filters={"model": ["gpt-4o"]}) == ids("harbour", filters={"tags": ["sea"]}) == [one]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert ids("harbour", filters={"since": later}) == []


def test_a_hit_is_shown_where_it_stands():
    call = said("How deep is the old harbour of the town?", "Nine metres, see <b>docs/harbour.md</b>.")
    place = find("harbour").places[call]
    assert ("harbour", True) in place
    assert "deep is the old harbour of" in "".join(text for text, _ in place)


def test_words_in_markup_and_paths_are_found():
    call = said("Explain <article class=wide> in src/pages/tides.html", "C:\\boats\\list")
    assert ids("article") == ids("pages") == ids("src/pages") == ids("boats") == [call]


def test_pages_of_hits_are_walked_by_key_both_ways():
    calls = [said(f"harbour {number}", "yes") for number in range(7)][::-1]
    first = find("harbour", limit=3).page
    second = find("harbour", limit=3, cursor=first.older).page
    third = find("harbour", limit=3, cursor=second.older).page
    assert [line.id for page in (first, second, third) for line in page.lines] == calls
    assert first.newer is None
    assert third.older is None
    assert find("harbour", limit=3, cursor=third.newer, is_newer=True).page.lines == second.lines


def test_it_says_how_far_it_looked_when_the_time_runs_out():
    said("How deep is the harbour?", "Nine metres.")
    page = find("harbour", seconds=-1.0).page
    assert not page.lines
    assert page.searched_since
    assert len(find("harbour", cursor=page.older).page.lines) == 1


def test_a_search_takes_the_same_number_of_queries_for_ten_calls_and_for_twenty():
    counts = []
    for _ in range(2):
        for number in range(10):
            said(f"harbour {number}", "yes")
        with CaptureQueriesContext(connection) as queries:
            assert ids("harbour")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("typed", ["", "   ", "-harbour", "!!! ???", '""', '-"night train"', "-a -b"])
def test_what_cannot_be_searched_for_is_refused_with_a_sentence(typed):
    with pytest.raises(search_terms.Unsearchable, match="at least one word"):
        find(typed)


def test_too_many_words_are_refused():
    with pytest.raises(search_terms.Unsearchable, match="at most 20"):
        find("tide " * 21)


@settings(max_examples=60)
@given(typed=st.text(max_size=60))
def test_whatever_is_typed_is_a_search_or_is_refused(typed):
    with suppress(search_terms.Unsearchable):
        assert find(typed).page.lines == []


def test_what_is_indexed_is_bounded_and_made_of_words():
    image = {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:x"}}]}
    assert searched([image], "seen", None) == "look\nseen"
    assert searched(None, None, "failed") == "failed"
    assert len(searched([{"role": "user", "content": "a" * 9_000}], "b", None)) == LIMIT
    assert (
        searched([{"role": "assistant", "content": None, "tool_calls": []}], {"role": "assistant", "content": "x"}, None) == "x"
    )
