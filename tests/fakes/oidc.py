"""A small OpenID Connect provider on loopback: discovery, authorize, token with a signed ID token, keys, userinfo."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "ollive", "a-client-secret"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """Who signs in there now, and how it misbehaves when it is told to."""

    url: str
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    signing_key: rsa.RSAPrivateKey | None = None  # of somebody else, when set
    claims: dict[str, Any] = field(default_factory=dict)
    id_token_claims: dict[str, Any] = field(default_factory=dict)  # beside iss, aud, sub and the times; they win
    profile: dict[str, Any] | None = None  # what /userinfo says instead
    refuses: bool = False
    issuer: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def is_at(self, **claims: Any) -> None:
        """This person is signed in at the provider."""
        self.claims = {"sub": "sub-1", "email_verified": True, **claims}

    # --- what the protocol asks ---------------------------------------------------------------------------------------
    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer or self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def keys(self) -> dict[str, Any]:
        return {"keys": [{**RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": "1", "alg": "RS256", "use": "sig"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        answer = {"state": query["state"]}
        if self.refuses:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', **answer})}"
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, **answer})}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        is_right = (
            asked is not None
            and (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
            and form.get("redirect_uri") == asked["redirect_uri"]
            and asked.get("code_challenge") == challenge
        )
        if not is_right:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 60, "id_token": self.id_token()}

    def id_token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer or self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            **self.claims,
            **self.id_token_claims,
        }
        return jwt.encode(claims, self.signing_key or self.key, algorithm="RS256", headers={"kid": "1"})

    def userinfo(self) -> dict[str, Any]:
        return self.profile if self.profile is not None else self.claims


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.provider.asked.append(url.path)
        if url.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.end_headers()
        elif url.path == "/userinfo" and self.headers["Authorization"] != "Bearer an-access-token":
            self._answer(401, {"error": "invalid_token"})
        else:
            pages = {
                "/.well-known/openid-configuration": Provider.discovery,
                "/keys": Provider.keys,
                "/userinfo": Provider.userinfo,
            }
            page = pages.get(url.path)
            self._answer(200 if page else 404, page(self.provider) if page else {})

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(*self.provider.token({name: values[0] for name, values in parse_qs(body).items()}))

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_provider() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"provider": provider})
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
