"""The API's documents: what it offers as OpenAPI, and two pages that show it. Nothing of them comes from another host."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition, require_safe

from ollive import openapi as documented

# Both bundles write styles as they draw; ReDoc searches in a worker that it makes of itself.
DRAWN = {"style-src": [SELF, UNSAFE_INLINE], "worker-src": ["blob:"]}


@csrf_exempt  # nothing is done: another method is no forgery, it is not allowed
@require_safe
@condition(etag_func=lambda _: documented.etag())
def openapi(_request: HttpRequest) -> HttpResponse:
    """The whole API as OpenAPI 3.1: REST routes and doors alike."""
    response = HttpResponse(documented.as_json(), content_type="application/json")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
@csp_update(DRAWN)
def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI. Who is signed in may try the REST routes without a key; the doors ask for one."""
    response = render(request, "docs/swagger.html")
    patch_vary_headers(response, ["Cookie"])
    return response


@require_safe
@csp_update(DRAWN)
def redoc(request: HttpRequest) -> HttpResponse:
    return render(request, "docs/redoc.html")
