"""The image's health check: exit code 0 when the web process of this container answers `/health`.

It asks by a name that the installation answers to. 301 is an answer too: plain HTTP is sent on to https://.
"""

import http.client
import os
import sys

ALIVE = {200, 301}


def is_alive(port: int, *, name: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/health", headers={"Host": name})
        return connection.getresponse().status in ALIVE
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    names = os.environ.get("OLLIVE_ALLOWED_HOSTS", "").split(",")
    name = names[0].strip().lstrip(".").replace("*", "") or "localhost"
    sys.exit(0 if is_alive(int(os.environ.get("OLLIVE_PORT") or 8000), name=name) else 1)
