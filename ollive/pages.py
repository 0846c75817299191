"""Django's handler for pages: middleware and view run in one thread, one after the other.

Left to itself, Django hops between the event loop and a thread at every middleware that knows both ways: a fifth of the cost.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http.response import HttpResponseBase


class PageHandler(ASGIHandler):
    """As `get_asgi_application` makes it, but for the hops."""

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: Any) -> HttpResponseBase:
        response: HttpResponseBase = await sync_to_async(self.get_response, thread_sensitive=True)(request)
        return response
