"""How often something may be done. allauth counts it, as it counts tries at a password."""

from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse

from accounts.models import User


def refusal(request: HttpRequest, action: str, rate: str, *, user: User | None = None) -> HttpResponse | None:
    """Count one more of this action; the answer once it is too many. `rate` is such as `30/h/user` or `60/5m/ip`."""
    if ratelimit.consume(request, app="ollive", action=action, config={action: rate}, user=user):
        return None
    answer: HttpResponse = ratelimit.respond_429(request)
    return answer
