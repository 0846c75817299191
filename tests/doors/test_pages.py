"""How a page's request runs through Django."""

import threading

import pytest
from django.http import HttpResponse
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


urlpatterns = [path("", view)]
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
