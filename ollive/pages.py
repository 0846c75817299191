"""How pages are answered: in one thread a request, and compressed."""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageHandler(ASGIHandler):
    """Runs middleware and view in one thread, one after the other.

    Left to itself, Django hops between the event loop and a thread at every middleware that knows both ways: a fifth of the cost.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: Any) -> HttpResponseBase:
        response: HttpResponseBase = await sync_to_async(self.get_response, thread_sensitive=True)(request)
        return response


class PageCompression(GZipMiddleware):
    """Compresses HTML to a tenth. Downloads are left alone: pictures are packed already, exports flow as they are read."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = not response.streaming and response.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_page else response
