"""Calls by what they mean, and both searches as one; and the commands that index what is there already."""

from datetime import UTC, datetime
from io import StringIO
from math import isclose, sqrt
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from uuid_utils.compat import uuid7

from telemetry import embeddings, erasure, meanings, reindexing, tasks
from telemetry.models import InferenceLog, SearchEntry
from telemetry.queries.filters import Filters
from telemetry.queries.meaning import fuse, hybrid, nearest
from tests.telemetry.calls import WORKSPACE, finished, record, started

pytestmark = pytest.mark.django_db


def said(question: str, answer: str = "Yes.", **fields) -> UUID:
    call = uuid7()
    record(
        started(call, messages=[{"role": "user", "content": question}], **fields),
        finished(call, reply=answer, workspace_id=fields.get("workspace_id", WORKSPACE)),
    )
    return call


def run(command: str, **options) -> str:
    output = StringIO()
    call_command(command, stdout=output, **options)
    return output.getvalue()


def vectors() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM search_meaning")
        return int(cursor.fetchone()[0])


@pytest.fixture
def talks() -> dict[str, UUID]:
    made = {
        "dog": said("My puppy refuses to walk on a leash", "Train it with treats."),
        "tax": said("When is the income tax declaration due?", "At the end of July."),
        "soup": said("A recipe with leek and potatoes", "Boil the vegetables, then puree them."),
    }
    run("backfill_embeddings")
    return made


def test_texts_of_like_meaning_are_near():
    dog, puppy, tax = embeddings.embed(["a dog that barks", "my puppy is loud", "tax declaration"])
    assert all(isclose(sqrt(sum(value * value for value in vector)), 1, abs_tol=1e-4) for vector in (dog, puppy, tax))
    assert sum(a * b for a, b in zip(dog, puppy, strict=True)) > 0.3 + sum(a * b for a, b in zip(dog, tax, strict=True))
    assert len(dog) == embeddings.DIMENSIONS


@pytest.mark.parametrize(
    ("typed", "nearest_one"), [("canine obedience", "dog"), ("money owed to the state", "tax"), ("cooking", "soup")]
)
def test_a_call_is_found_by_what_it_means(talks, typed, nearest_one):
    found = nearest(Filters(WORKSPACE), typed)
    assert found[0].line.id == talks[nearest_one]
    assert [each.likeness for each in found] == sorted((each.likeness for each in found), reverse=True)


def test_filters_and_workspaces_hold_for_meanings_too(talks):
    other = said("A stubborn dog", model="gpt-4o", workspace_id=UUID(int=5))
    here = said("A stubborn dog", model="gpt-4o")
    run("backfill_embeddings")
    assert [each.line.id for each in nearest(Filters(WORKSPACE, model=["gpt-4o"]), "dog")] == [here]
    assert [each.line.id for each in nearest(Filters(UUID(int=5)), "dog")] == [other]
    assert not nearest(Filters(WORKSPACE, until=datetime(2020, 1, 1, tzinfo=UTC)), "dog")


def test_both_searches_are_fused(talks):
    found = hybrid(Filters(WORKSPACE), "puppy", now=datetime.now(UTC))
    assert found[0].line.id == talks["dog"]
    assert found[0].place
    assert found[0].likeness
    assert {each.line.id for each in found} == set(talks.values())
    assert [each.place for each in found[1:]] == [None, None]
    assert hybrid(Filters(WORKSPACE), "?!", now=datetime.now(UTC))


def test_what_two_rankings_agree_on_comes_first():
    a, b, c = (UUID(int=number) for number in range(3))
    scores = fuse([[a, b], [b, c]])
    assert max(scores, key=lambda call: scores[call]) == b
    assert scores[a] > scores[c]


def test_an_erased_call_leaves_no_vector(talks):
    erasure.erase_calls(InferenceLog.objects.filter(id=talks["dog"]))
    assert vectors() == 2
    erasure.erase_calls(InferenceLog.objects.all())
    assert vectors() == 0


def test_calls_are_embedded_by_the_clock_only_where_it_is_wanted(settings):
    said("My puppy refuses to walk")
    tasks.embed()
    assert vectors() == 0
    settings.OLLIVE_MEANING_SEARCH = True
    tasks.embed()
    tasks.embed()
    assert vectors() == 1


def test_a_call_whose_words_change_is_embedded_again(settings, talks):
    settings.OLLIVE_MEANING_SEARCH = True
    run("reindex_search", all=True)
    assert vectors() == 0
    tasks.embed()
    assert vectors() == 3


def test_vectors_of_days_that_are_gone_go_too(talks):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE search_meaning SET received_at = received_at - interval '90 days'")
    meanings.embed_recent(datetime.now(UTC))
    assert vectors() == 3
    assert {each.line.id for each in nearest(Filters(WORKSPACE), "dog")} == set(talks.values())


def test_embedding_is_gone_on_with(talks):
    assert "0 calls embedded" in run("backfill_embeddings")
    said("Another question")
    assert "1 calls lack it" in run("backfill_embeddings", dry_run=True)
    assert "1 calls embedded" in run("backfill_embeddings", limit=5)


def test_without_the_packages_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(embeddings, "find_spec", lambda name: None)
    monkeypatch.setattr(embeddings, "_loaded", None)
    with pytest.raises(CommandError, match="uv pip install"):
        run("backfill_embeddings")
    with pytest.raises(embeddings.Unavailable, match="uv pip install"):
        embeddings.embed(["text"])


def test_without_pgvector_all_else_works(talks):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE search_meaning")
    assert not meanings.exists()
    with pytest.raises(CommandError, match="pgvector"):
        run("backfill_embeddings")
    erasure.erase_calls(InferenceLog.objects.all())
    assert not SearchEntry.objects.exists()


def test_words_that_are_not_indexed_are_indexed_again(talks, monkeypatch):
    monkeypatch.setattr(reindexing, "BATCH", 2)
    before = dict(SearchEntry.objects.values_list("id", "words"))
    SearchEntry.objects.exclude(id=talks["tax"]).delete()
    assert "2 calls would be indexed" in run("reindex_search", dry_run=True)
    assert "2 calls indexed" in run("reindex_search")
    assert dict(SearchEntry.objects.values_list("id", "words")) == before
    assert "0 calls indexed" in run("reindex_search")
    SearchEntry.objects.update(words="")
    assert "3 calls indexed" in run("reindex_search", all=True)
    assert dict(SearchEntry.objects.values_list("id", "words")) == before


def test_calls_in_progress_are_not_indexed():
    record(started())
    assert "0 calls indexed" in run("reindex_search", all=True)
    assert not SearchEntry.objects.exists()
