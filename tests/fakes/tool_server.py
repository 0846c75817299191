"""An MCP server of the protocol's own package, on loopback: `python -m tests.fakes.tool_server PORT KEY`.

It opens with the header `X-Key: KEY`. `/away` sends elsewhere, to where the query says.
"""

import asyncio
import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route

server = MCPServer("tickets")


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return f"The sum is {a + b}."


@server.tool()
def fail(reason: str) -> str:
    """Fails, always."""
    raise ToolError(reason)


@server.tool()
async def sleep(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "Awake."


async def away(request: Request) -> RedirectResponse:
    return RedirectResponse(request.query_params["to"], status_code=307)


class Locked:
    """Answers 401 without the key."""

    def __init__(self, app: Starlette, key: str) -> None:
        self._app, self._key = app, key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/away"):
            given = dict(scope["headers"]).get(b"x-key", b"").decode()
            if given != self._key:
                await PlainTextResponse("no", status_code=401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def main() -> None:
    app = server.streamable_http_app()
    app.router.routes.append(Route("/away", away, methods=["GET", "POST"]))
    uvicorn.run(Locked(app, sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
