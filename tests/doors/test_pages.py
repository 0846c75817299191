"""How a page's request runs through Django."""

import gzip
import threading

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncRequestFactory, override_settings
from django.urls import path

from ollive.pages import PageHandler

seen: list[int] = []


def note_thread(get_response):
    def middleware(request):
        seen.append(threading.get_ident())
        return get_response(request)

    return middleware


def note_thread_either_way(get_response):
    return note_thread(get_response)


note_thread_either_way.sync_capable = note_thread_either_way.async_capable = True  # type: ignore[attr-defined]


def view(_request):
    seen.append(threading.get_ident())
    return HttpResponse("here")


urlpatterns = [
    path("", view),
    path("page", lambda _request: HttpResponse("<p>the same again</p>" * 100)),
    path("picture", lambda _request: HttpResponse(b"\x89PNG" * 100, content_type="image/png")),
    path("export", lambda _request: StreamingHttpResponse(iter(["a line\n"] * 100), content_type="text/html")),
]
NAMES = [f"{__name__}.{name}" for name in ("note_thread", "note_thread_either_way", "note_thread")]


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=NAMES)
@pytest.mark.asyncio
async def test_middleware_and_view_run_in_one_thread():
    seen.clear()
    handler = PageHandler()
    response = await handler.get_response_async(AsyncRequestFactory().get("/"))
    assert response.status_code == 200
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert seen[0] != threading.get_ident()


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["ollive.pages.PageCompression"])
@pytest.mark.parametrize(("address", "is_packed"), [("/page", True), ("/picture", False), ("/export", False)])
def test_only_a_page_in_one_piece_is_compressed(client, address, is_packed):
    answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_packed
    if is_packed:
        assert gzip.decompress(answer.content) == b"<p>the same again</p>" * 100


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["ollive.pages.PageCompression"])
def test_who_reads_no_gzip_gets_the_page_as_it_is(client):
    assert client.get("/page").content == b"<p>the same again</p>" * 100
