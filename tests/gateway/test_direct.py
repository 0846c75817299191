"""What the direct path does beyond the contract: giving way to servers, keeping connections, guarding addresses."""

import asyncio
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from gateway.adapters import sessions
from gateway.adapters.direct import DirectAdapter
from gateway.adapters.timeouts import Timeouts
from gateway.protocol import Delta, Finish, ProviderError, Usage
from tests.fakes.replies import TEXT
from tests.gateway.exchanges import HASTY, PATIENT, Heard, ask, hear

pytestmark = pytest.mark.usefixtures("closing")


@pytest.fixture
def adapter():
    return DirectAdapter(PATIENT)


async def test_each_choice_has_its_own_text_and_finish(adapter, fake_provider):
    heard = await hear(adapter, ask(fake_provider.url, "plain", n=3))
    assert [heard.text_of(index) for index in range(3)] == [TEXT] * 3
    assert [(finish.index, finish.reason) for finish in heard.finishes] == [(0, "stop"), (1, "stop"), (2, "stop")]


async def test_a_whole_answer_is_taken_where_a_stream_was_asked_for(adapter, fake_provider):
    fake_provider.script("m", ignores_stream=True, reasoning=["Hm. "], chunks=["Yes."])
    heard = await hear(adapter, ask(fake_provider.url, "m"))
    assert (heard.reasoning, heard.text) == ("Hm. ", "Yes.")
    assert [type(part) for part in heard.parts] == [Delta, Usage, Finish]


async def test_a_whole_answer_may_call_tools(adapter, fake_provider):
    call = {"id": "call_1", "name": "clock", "arguments": ["{}"]}
    fake_provider.script("m", ignores_stream=True, tool_calls=[call], finish_reason="tool_calls")
    assert (await hear(adapter, ask(fake_provider.url, "m"))).tool_calls() == [("call_1", "clock", "{}")]


async def test_an_error_under_a_good_status_is_an_error(adapter, fake_provider):
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(fake_provider.url, "error-as-200"))
    assert caught.value.code == "context_length"


async def test_a_reply_without_a_finish_but_with_an_end_is_whole(adapter, fake_provider):
    heard = await hear(adapter, ask(fake_provider.url, "no-finish"))
    assert (heard.text, [finish.reason for finish in heard.finishes]) == (TEXT, ["stop"])


async def test_an_endless_event_is_refused(adapter, fake_provider):
    with pytest.raises(ProviderError, match="too large") as caught:
        await hear(adapter, ask(fake_provider.url, "huge"))
    assert caught.value.code == "bad_response"


async def test_a_server_that_knows_no_stream_options_is_asked_without(adapter, fake_provider):
    assert (await hear(adapter, ask(fake_provider.url, "picky"))).text == TEXT
    assert ["stream_options" in seen.body for seen in fake_provider.requests] == [True, False]


async def test_what_a_server_refused_is_not_asked_again(adapter, fake_provider):
    for _ in range(2):
        await hear(adapter, ask(fake_provider.url, "picky"))
    assert ["stream_options" in seen.body for seen in fake_provider.requests] == [True, False, False]


async def test_the_limit_is_renamed_and_the_temperature_left_out_where_they_are_refused(adapter, fake_provider):
    await hear(adapter, ask(fake_provider.url, "new-school", max_tokens=50, temperature=0.7))
    body = fake_provider.last.body
    assert body["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature"} & body.keys()
    assert body["stream_options"] == {"include_usage": True}


async def test_the_limit_has_the_name_that_the_target_says(adapter, fake_provider):
    request = ask(fake_provider.url, "plain", max_tokens=50)
    await hear(adapter, replace(request, target=replace(request.target, options={"max_tokens": "max_completion_tokens"})))
    assert fake_provider.last.body["max_completion_tokens"] == 50
    assert "max_tokens" not in fake_provider.last.body


async def test_a_refused_value_is_not_hidden(adapter, fake_provider):
    fake_provider.script("m", status=400, error={"message": "temperature must be at most 2.", "param": "temperature"})
    with pytest.raises(ProviderError, match="at most 2"):
        await hear(adapter, ask(fake_provider.url, "m", temperature=9))
    assert len(fake_provider.requests) == 1


async def test_the_key_may_have_a_header_of_its_own(adapter, fake_provider):
    request = ask(fake_provider.url, "plain")
    await hear(adapter, replace(request, target=replace(request.target, options={"key_header": "api-key"})))
    assert fake_provider.last.headers["api-key"] == request.target.api_key
    assert "Authorization" not in fake_provider.last.headers


async def test_without_a_key_none_is_sent(adapter, fake_provider):
    request = ask(fake_provider.url, "plain")
    await hear(adapter, replace(request, target=replace(request.target, api_key=None)))
    assert "Authorization" not in fake_provider.last.headers


async def test_a_key_that_cannot_be_sent_is_not_told(adapter, fake_provider):
    request = ask(fake_provider.url, "plain")
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, replace(request, target=replace(request.target, api_key="sk-of-alice\nX-Evil: 1")))
    assert "sk-of-alice" not in caught.value.message


async def test_one_connection_serves_call_after_call(adapter, fake_provider):
    opened = []

    async def note(*_):
        opened.append(1)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(note)
    trace.freeze()
    sessions.session(is_guarded=False)._trace_configs.append(trace)
    for _ in range(3):
        await hear(adapter, ask(fake_provider.url, "plain"))
    assert len(opened) == 1


async def test_a_connection_that_was_closed_while_idle_is_replaced(adapter):
    """Some servers keep a connection for one reply only, and don't say so."""
    body = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    served = []

    async def serve_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(asked.lower().partition(b"content-length: ")[2].split()[0]))
        served.append(1)
        writer.write(head + body)
        await reader.read(1)  # the next request, whose answer is a closed connection
        writer.close()

    async with await asyncio.start_server(serve_once, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        for _ in range(3):
            assert (await hear(adapter, ask(url, "m"))).text == "Hi."
        await sessions.close_sessions()
    assert len(served) == 3


async def test_a_finished_reply_does_not_wait_for_usage_for_ever(fake_provider):
    fake_provider.script("m", chunks=["Done."], hangs_at_end=True)
    adapter = DirectAdapter(Timeouts(first_byte=20, idle=20, ending=0.2))
    heard = await hear(adapter, ask(fake_provider.url, "m"))
    assert (heard.text, heard.usage, [finish.reason for finish in heard.finishes]) == ("Done.", None, ["stop"])


async def test_a_slow_reader_is_not_a_silent_provider(fake_provider):
    heard = Heard()
    async with aclosing(DirectAdapter(HASTY).stream(ask(fake_provider.url, "paced-50x20"))) as stream:
        async for part in stream:
            if not heard.parts:
                await asyncio.sleep(2 * HASTY.idle)
            heard.parts.append(part)
    assert len(heard.finishes) == 1


async def test_a_redirect_is_not_followed(adapter, fake_provider):
    async def send_away(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{fake_provider.url}/chat/completions")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", send_away)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(ProviderError, match="not followed"):
            await hear(adapter, ask(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", "plain"))
    finally:
        await runner.cleanup()
    assert fake_provider.requests == []


async def test_proxies_of_the_environment_are_not_used(adapter, fake_provider, refusing_url, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, refusing_url)
    assert (await hear(adapter, ask(fake_provider.url, "plain"))).text == TEXT


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_guarded_address_does_not_lead_to_this_machine(adapter, fake_provider, host):
    request = ask(f"http://{host}:{fake_provider.port}/v1", "plain")
    with pytest.raises(ProviderError, match="private network") as caught:
        await hear(adapter, replace(request, target=replace(request.target, is_guarded=True)))
    assert (caught.value.code, caught.value.retryable) == ("connection", False)
    assert fake_provider.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_listed_host_is_reached_though_it_is_guarded(adapter, fake_provider, settings, host):
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["127.0.0.1", "localhost"]
    request = ask(f"http://{host}:{fake_provider.port}/v1", "plain")
    heard = await hear(adapter, replace(request, target=replace(request.target, is_guarded=True)))
    assert heard.text == TEXT


async def test_a_closed_session_is_opened_again(adapter, fake_provider):
    await hear(adapter, ask(fake_provider.url, "plain"))
    await sessions.close_sessions()
    assert (await hear(adapter, ask(fake_provider.url, "plain"))).text == TEXT


DIRECT_CALL = """
import asyncio, os, sys
import django
django.setup()
from gateway import adapters, catalogue, known_models, directory
from gateway.protocol import ChatRequest, Target

async def call():
    target = Target(provider="openai", model="plain", adapter="direct", base_url=sys.argv[1])
    stream = adapters.adapter_for(target).stream(ChatRequest(target, [{"role": "user", "content": "Hello"}]))
    parts = [part async for part in stream]
    await adapters.aclose()
    return parts

parts = asyncio.run(call())
known_models.window(directory.find("openai"), "gpt-4")
print(len(parts) > 100, "litellm" in sys.modules)
"""


def test_the_direct_path_never_loads_litellm(fake_provider):
    """In a process of its own, from Django's start to the end of a reply."""
    command = [sys.executable, "-c", DIRECT_CALL, fake_provider.url]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.stdout.strip(), ran.returncode) == ("True False", 0), ran.stderr
