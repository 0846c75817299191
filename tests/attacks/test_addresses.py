"""Addresses in messages: pictures are fetched here instead of by LiteLLM, from the open web alone, and go on as data."""

import base64
from typing import Any

import aiohttp
import pytest

from gateway.adapters.pictures import inlined
from gateway.fetching import FetchError, fetch_picture
from gateway.protocol import ProviderError
from tests.asking import recorded
from tests.chat.tools.conftest import Site, _running_site, site
from tests.gateway.test_fetching import PRIVATE

__all__ = ["_running_site", "site"]

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def asked(url: str, **options: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": "anthropic/plain", "max_tokens": 9, "messages": [{"role": "user", "content": content}], **options}


def test_a_picture_goes_on_as_data(caller, fake_provider, site: Site):
    answer = caller.post("/v1/chat/completions", json=asked(site.put("/a.png", PNG, kind="image/png")))
    assert answer.status_code == 200, answer.text
    source = fake_provider.last.body["messages"][0]["content"][1]["source"]
    assert (source["type"], source["media_type"], base64.b64decode(source["data"])) == ("base64", "image/png", PNG)
    assert {name.lower() for name in site.seen[0]["headers"]} <= {"host", "accept", "accept-encoding", "user-agent", "connection"}


def test_no_notation_of_a_private_address_is_fetched(caller, fake_provider, site: Site):
    hosts = [host for host in PRIVATE if host.lower() != "localhost"]  # the one that this server's operator allows
    for host in hosts:
        answer = caller.post("/v1/chat/completions", json=asked(f"http://{host}:{site.port}/secret"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request"), host
    assert (site.seen, fake_provider.requests) == ([], [])
    assert {row.error_class for row in recorded(len(hosts))} == {"invalid_request"}


def test_only_the_web_is_read(caller, fake_provider):
    others = ["file:///etc/passwd", "/etc/passwd", "gs://bucket/x", "s3://bucket/x", "ftp://x/y", "gopher://x", "http://", "x"]
    for url in [*others, "https://u:p@example.com/x", "HTTP://[::1]:80\\@example.com/", "http://0x7f.1/", "//127.0.0.1/x"]:
        assert caller.post("/v1/chat/completions", json=asked(url)).status_code == 400, url
    assert fake_provider.requests == []


def test_a_redirect_inside_is_not_followed(caller, fake_provider, site: Site):
    site.put("/go", "", status=302, Location=f"http://127.0.0.1:{site.port}/secret")
    assert caller.post("/v1/chat/completions", json=asked(f"{site.url}/go")).status_code == 400
    assert [request["path"] for request in site.seen] == ["/go"]
    assert fake_provider.requests == []


def test_a_page_is_no_picture(caller, fake_provider, site: Site):
    answer = caller.post("/v1/chat/completions", json=asked(site.put("/page", "<h1>secret</h1>")))
    assert answer.status_code == 400
    assert "secret" not in answer.text


async def test_nothing_else_is_read_from_an_address():
    parts: list[dict[str, Any]] = [
        {"type": "file", "file": {"file_id": "http://127.0.0.1/x"}},
        {"type": "file", "file": {"file_data": "https://example.com/x.pdf"}},
        {"type": "video_url", "video_url": {"url": "http://127.0.0.1/x"}},
        {"type": "input_audio", "input_audio": {"data": "http://127.0.0.1/x", "format": "wav"}},
    ]
    for part in parts:
        with pytest.raises(ProviderError) as caught:
            await inlined([{"role": "user", "content": [part]}], "Anthropic")
        assert caught.value.code == "invalid_request"


async def test_data_stays_as_it_is():
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]
    assert await inlined(messages, "Anthropic") == messages


async def test_a_name_that_comes_to_lead_inside_is_refused(site: Site, monkeypatch):
    """It is judged on the address that is connected to, however often its answer changes."""
    answers = ["93.184.216.34", "127.0.0.1"]

    async def resolve(self: Any, host: str, port: int = 0, family: Any = 0) -> list[dict[str, Any]]:
        address = answers.pop()
        return [{"hostname": host, "host": address, "port": port, "family": 2, "proto": 6, "flags": 0}]

    monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", resolve)
    with pytest.raises(FetchError, match="private"):
        await fetch_picture(f"http://rebind.example.com:{site.port}/secret")
    assert (site.seen, answers) == ([], ["93.184.216.34"])
