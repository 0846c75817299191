"""The REST API under /api/v1: every app's routes, one kind of key, one shape of errors."""

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

import accounts.api
import chat.api
import gateway.api
import telemetry.api
from accounts.entrance import Refused
from ollive import doors
from ollive.health import VERSION

api = NinjaAPI(title="Ollive", version=VERSION, docs_url=None, openapi_url=None, urls_namespace="api")
api.add_router("", chat.api.router)
api.add_router("", telemetry.api.router)
api.add_router("", gateway.api.router)
api.add_router("", accounts.api.router)


@api.exception_handler(Refused)
def refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
    answer = doors.refusal(request.path, refused)
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
