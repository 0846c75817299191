"""The entry of the web process: programs to their doors, pages to Django, the page's socket to its consumer, start and end to
the process itself."""

import asyncio
import os
from typing import Any

import django
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")
os.environ.setdefault("OLLIVE_PROCESS", "web")

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 (the apps must be loaded first)
from django.urls import path  # noqa: E402

from chat.consumer import ChatConsumer  # noqa: E402
from ollive import door_list, doors, metrics, page_bodies  # noqa: E402
from ollive.origins import Origins  # noqa: E402
from ollive.pages import PageHandler  # noqa: E402
from ollive.web import WebProcess  # noqa: E402

http = PageHandler()
socket = path("ws/", ChatConsumer.as_asgi())  # type: ignore[arg-type]  # Channels has Django's path() lead to its consumers
websocket = AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter([socket])))  # type: ignore[list-item]
process = WebProcess()
allowed_origins = Origins(settings.CORS_ORIGINS)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Not every server speaks the lifespan protocol, so the first request starts the process too."""
    process.start(asyncio.get_running_loop())
    if scope["type"] == "http" and allowed_origins.open(scope["path"]):
        if await allowed_origins.preflight(scope, send):
            return
        send = allowed_origins.allowing(scope, send)
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "websocket":
        await websocket(scope, receive, send)
    elif metrics.is_asked_for(scope):
        await metrics.answer(scope, send)
    elif found := door_list.find(scope["method"], scope["path"]):
        await doors.enter(found, scope, receive, send)
    elif page_bodies.is_too_large(scope):
        await page_bodies.refuse(send)
    else:
        tagged, send_with_ids = doors.with_ids(scope, send)
        await http(tagged, page_bodies.capped(receive), send_with_ids)


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await process.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
