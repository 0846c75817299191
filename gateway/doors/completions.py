"""`POST /v1/chat/completions`."""

from accounts.entrance import Request, Response
from gateway import answers, completions


async def complete(request: Request) -> Response:
    """Raises `Refused`."""

    async def produce() -> Response:
        return await completions.answer(completions.read(request.body), request)

    return await answers.once(request, produce)
