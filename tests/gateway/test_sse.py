"""Events come out the same however the bytes were cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import sse
from gateway.adapters.sse import EventReader, EventTooLargeError

STREAM = (
    b": welcome\n\nevent: message\ndata: one\n\ndata:two\ndata: lines\n\nid: 7\r\ndata: caf\xc3\xa9\r\n\r\n"
    b"\n\nretry: 10\n\ndata: \n\ndata: [DONE]\n\n"
)
EVENTS = [b"one", b"two\nlines", b"caf\xc3\xa9", b"", b"[DONE]"]


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=30))
def test_any_cut_gives_the_same_events(cuts):
    reader = EventReader()
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in itertools.pairwise(places)]
    assert [event for piece in pieces for event in reader.feed(piece)] == EVENTS


def test_byte_by_byte_is_a_cut_too():
    reader = EventReader()
    assert [event for byte in STREAM for event in reader.feed(bytes([byte]))] == EVENTS


def test_an_event_that_nobody_closed_is_the_rest():
    reader = EventReader()
    assert reader.feed(b"data: one\n\ndata: tw") == [b"one"]
    assert reader.feed(b"o") == []
    assert reader.rest() == [b"two"]
    assert reader.rest() == []


@pytest.mark.parametrize("piece", [b"x" * 100, b"data: " + b"x" * 94, b"data: xxxx\n"])
def test_an_event_has_a_largest_size(monkeypatch, piece):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    reader = EventReader()
    with pytest.raises(EventTooLargeError):
        for _ in range(200):
            reader.feed(piece)


def test_many_events_may_be_larger_together(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    assert len(EventReader().feed(b"data: xxxx\n\n" * 500)) == 500
