"""The web process. It loads at once, and goes on when the supervisor closes its standard input: then the servers are there.

The first one also prepares the installation, and writes what came of it (JSON: an `Outcome`, or `error`) to a pipe. The listening
socket is the supervisor's: while a web process is started again, connections wait in its queue instead of being refused.
"""

import gc
import json
import os
import socket
import sys
from importlib import import_module

from ollive.up.failures import StartError

GRACE_SECONDS = 10  # for requests under way, at shutdown
BACKLOG = 2048
MESSAGE_BYTES = 64 * 1024  # what a page may send in one websocket message


def main() -> None:
    load()
    if descriptor := os.environ.pop("OLLIVE_OUTCOME", ""):
        report(int(descriptor))
    else:
        sys.stdin.buffer.read()
    serve(int(os.environ["OLLIVE_LISTENER"]))


def load() -> None:
    """Import what is expensive. The application itself is made later: it lists the static files, which may be under way."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")
    gc.disable()  # nothing that is imported becomes garbage; looking for it takes a tenth of the time
    import django

    django.setup()
    for name in ("ollive.urls", "chat.consumer"):
        import_module(name)
    gc.freeze()
    gc.enable()


def report(descriptor: int) -> None:
    """Prepare the installation, and say what came of it."""
    from ollive.up import preparation

    with os.fdopen(descriptor, "w") as pipe:
        try:
            preparation.collect_static_files()
            sys.stdin.buffer.read()
            outcome = preparation.prepare()
        except StartError as error:
            json.dump({"error": str(error)}, pipe)
            sys.exit(1)
        json.dump(outcome, pipe)


def serve(descriptor: int) -> None:
    from ollive.asgi import application

    server = serve_with_daphne if os.environ.get("OLLIVE_SERVER") == "daphne" else serve_with_uvicorn
    server(application, descriptor)


def serve_with_uvicorn(application: object, descriptor: int) -> None:
    import uvicorn

    trusts_proxy = os.environ.get("OLLIVE_TRUST_PROXY", "").lower() in {"1", "true", "yes", "on"}
    config = uvicorn.Config(
        application,  # type: ignore[arg-type]
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        backlog=BACKLOG,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=trusts_proxy,
        forwarded_allow_ips="*" if trusts_proxy else None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def serve_with_daphne(application: object, descriptor: int) -> None:
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import Server

    endpoints = build_endpoint_description_strings(file_descriptor=descriptor)
    Server(application, endpoints=endpoints, server_name="", verbosity=0).run()


if __name__ == "__main__":
    main()
