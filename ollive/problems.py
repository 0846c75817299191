"""Errors under /api/v1, each as RFC 9457's problem: of what was sent, of what is not there, of what broke here."""

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from accounts.database import forget_connections
from accounts.entrance import Refused
from accounts.storable import without_nul
from ollive import door_list, doors, outages

log = structlog.get_logger(__name__)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
View = Callable[..., HttpResponseBase]


class TextParser(Parser):
    """Reads bodies strictly: no NaN, no half characters. NUL, which no database holds, comes in as U+FFFD."""

    def parse_body(self, request: HttpRequest) -> Any:
        value = orjson.loads(request.body)
        if not isinstance(value, dict):  # ninja would look for the fields in a list too, and find none
            raise TypeError("every body here is an object")
        return without_nul(value) if b"\\u0000" in request.body else value

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> Any:
        return without_nul(super().parse_querydict(data, list_fields, request))


def problem(request: HttpRequest, refused: Refused, **members: Any) -> HttpResponse:
    """The answer for a refusal; `members` stand beside RFC 9457's own."""
    answer = doors.refusal(request.path, refused)
    body = orjson.dumps(orjson.loads(answer.body) | members, default=str) if members else answer.body
    return HttpResponse(body, status=answer.status, headers={**answer.headers, "cache-control": "no-store"})


def handle(api: NinjaAPI) -> None:
    """Have every error of the API's routes answered here."""
    answers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Refused: problem,
        ValidationError: _invalid,
        HttpError: _told,
        Http404: _missing,
        PermissionDenied: _forbidden,
        RequestDataTooBig: _too_large,
        OperationalError: _away,
        InterfaceError: _away,
        Exception: _broken,
    }
    for kind, answer in answers.items():
        api.add_exception_handler(kind, answer)


def shaped(view: View) -> View:
    """The view, but that a method that is not there is a problem too, and names the doors' methods at the address."""

    def answer(request: HttpRequest, *args: Any, **parts: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **parts)
        except Http404 as error:
            return _missing(request, error)
        if not isinstance(response, HttpResponseNotAllowed):
            response.headers.setdefault("Cache-Control", "no-store")
            return response
        return not_allowed(request, [name.strip() for name in response.headers["Allow"].split(",")])

    answer.csrf_exempt = True  # type: ignore[attr-defined]  # a key needs none; a session's is checked by accounts.programs
    return answer


def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """For every address under /api/v1 that has no route: programs cannot read a page that says so."""
    if door_list.methods_at(request.path):
        return not_allowed(request, ())
    return problem(request, Refused(404, "not_found", f"There is nothing at {request.path[:200]}."))


nothing_here.csrf_exempt = True  # type: ignore[attr-defined]  # nothing is done


def not_allowed(request: HttpRequest, methods: Iterable[str]) -> HttpResponse:
    found = {*methods, *door_list.methods_at(request.path)}
    allowed = [method for method in METHODS if method in found]
    refused = Refused(405, "method_not_allowed", f"Use {' or '.join(allowed)} here.")
    refused.headers["allow"] = ", ".join(allowed)
    return problem(request, refused)


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """422, with each field that is to blame, and why; not with what was sent."""
    faults = [{"loc": list(_place(fault["loc"])), "msg": fault["msg"], "type": fault["type"]} for fault in error.errors]
    first = faults[0] if faults else {"loc": [], "msg": "It cannot be read."}
    where = ".".join(map(str, first["loc"][1:]))
    sentence = f"{where}: {first['msg']}" if where else str(first["msg"])
    return problem(request, Refused(422, "invalid", sentence[:1_000]), errors=faults[:100], param=where or None)


def _place(loc: Sequence[Any]) -> Sequence[Any]:
    """`(body, data, title)` → `(body, title)`: how the view calls its parameter is nothing to the caller."""
    return (loc[0], *loc[2:]) if len(loc) > 2 and isinstance(loc[2], str) else loc


def _told(request: HttpRequest, error: HttpError) -> HttpResponse:
    codes = {400: "bad_request", 401: "invalid_api_key", 403: "forbidden", 404: "not_found", 429: "rate_limited"}
    refused = Refused(error.status_code, codes.get(error.status_code, HTTPStatus(error.status_code).name.lower()), error.message)
    return problem(request, refused)


def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(request, Refused(404, "not_found", str(error) or "There is no such thing."))


def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return problem(request, Refused(403, "forbidden", str(error) or "You may not do that."))


def _too_large(request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
    return problem(request, Refused(413, "body_too_large", "This is more than can be sent at once."))


def _away(request: HttpRequest, _error: Exception) -> HttpResponse:
    forget_connections()
    return problem(request, Refused(503, "unavailable", outages.SENTENCE, retry_after=float(outages.RETRY_AFTER_SECONDS)))


def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("a route broke", method=request.method, path=request.path, exc_info=error)
    return problem(request, Refused(500, "server_error", "Something broke here. It was noted."))
