"""A person with a browser, as far as HTTP and one websocket go."""

import json
import re
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

from websockets.sync.client import connect
from websockets.typing import Origin


class Visitor:
    """Keeps cookies between requests to the Ollive on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self._cookies = CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self._cookies))

    def get(self, path: str) -> str:
        with self._opener.open(f"http://{self.host}{path}") as answer:
            return answer.read().decode()

    def sign_in(self, link: str) -> str:
        """Open the link, press its button; the page that comes."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(link))
        assert token
        with self._opener.open(f"http://{self.host}{link}", urlencode({"csrfmiddlewaretoken": token[1]}).encode()) as answer:
            return answer.read().decode()

    def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Send one frame on the page's websocket; the first answer in JSON."""
        cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)
        origin = Origin(f"http://{self.host}")
        with connect(f"ws://{self.host}/ws/", origin=origin, additional_headers={"Cookie": cookie}, proxy=None) as socket:
            socket.send(json.dumps(frame))
            while not (text := str(socket.recv(timeout=30))).startswith("{"):
                pass  # HTML for the page
            answer: dict[str, Any] = json.loads(text)
            return answer
