"""The contract of an adapter: one run for each of them, against a provider that misbehaves on demand."""

import asyncio
from contextlib import aclosing

import pytest

from gateway.adapters.direct import DirectAdapter
from gateway.adapters.lite import LiteAdapter
from gateway.adapters.timeouts import Timeouts
from gateway.protocol import Delta, Finish, ProviderError, Usage
from tests.fakes.replies import TEXT
from tests.gateway.exchanges import HASTY, PATIENT, Heard, ask, hear

pytestmark = [
    pytest.mark.usefixtures("closing"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),  # its own use of pydantic
]


@pytest.fixture(params=["direct", "litellm"])
def make_adapter(request):
    kind = {"direct": DirectAdapter, "litellm": LiteAdapter}[request.param]

    def make(timeouts: Timeouts = PATIENT):
        return kind(timeouts)

    return make


@pytest.fixture
def adapter(make_adapter):
    return make_adapter()


async def test_it_streams_the_reply_as_it_was_said(adapter, fake_provider):
    heard = await hear(adapter, ask(fake_provider.url, "plain"))
    assert heard.text == TEXT
    assert len([part for part in heard.parts if isinstance(part, Delta)]) > 100


async def test_usage_and_then_the_finish_end_the_stream(adapter, fake_provider):
    heard = await hear(adapter, ask(fake_provider.url, "plain"))
    assert [type(part) for part in heard.parts[-2:]] == [Usage, Finish]
    assert heard.finishes == [Finish("stop", 0, "plain")]


async def test_it_sends_the_question_the_key_and_the_parameters(adapter, fake_provider):
    await hear(adapter, ask(fake_provider.url, "plain", prompt="Why?", temperature=0.2, max_tokens=50))
    seen = fake_provider.last
    assert seen.body["messages"] == [{"role": "user", "content": "Why?"}]
    assert (seen.body["temperature"], seen.body["max_tokens"], seen.body["stream"]) == (0.2, 50, True)
    assert seen.headers["Authorization"] == "Bearer sk-of-alice-0123456789"


async def test_usage_comes_in_disjoint_buckets(adapter, fake_provider):
    fake_provider.script("m", chunks=["Four."], reasoning=["Two ", "and ", "two. "], cached_tokens=6)
    usage = (await hear(adapter, ask(fake_provider.url, "m", prompt="What is two and two?"))).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens) == (5, 6, 1, 3)
    assert usage.total_tokens == usage.raw["total_tokens"] == 15


async def test_there_is_no_usage_where_the_provider_gives_none(adapter, fake_provider):
    heard = await hear(adapter, ask(fake_provider.url, "no-usage"))
    assert heard.usage is None
    assert heard.text == TEXT
    assert [finish.reason for finish in heard.finishes] == ["stop"]


async def test_reasoning_is_kept_apart_from_the_reply(adapter, fake_provider):
    heard = await hear(adapter, ask(fake_provider.url, "reasoning"))
    assert (heard.reasoning, heard.text) == ("First I count. ", "Four.")


async def test_tool_calls_are_put_together_by_index(adapter, fake_provider):
    heard = await hear(adapter, ask(fake_provider.url, "tools"))
    assert heard.tool_calls() == [("call_weather", "weather", '{"city": "Paris"}'), ("call_clock", "clock", "{}")]
    assert [finish.reason for finish in heard.finishes] == ["tool_calls"]


@pytest.mark.parametrize(("model", "reason"), [("length", "length"), ("filtered", "content_filter")])
async def test_it_says_why_the_reply_ended(adapter, fake_provider, model, reason):
    assert [finish.reason for finish in (await hear(adapter, ask(fake_provider.url, model))).finishes] == [reason]


@pytest.mark.parametrize("model", ["crlf", "pings", "null-choices", "no-done", "wrong-type", "drip"])
async def test_it_reads_through_harmless_oddities(adapter, fake_provider, model):
    fake_provider.script("drip", chunks=["One ", "byte ", "é ", "🌊."], drip=0.0)
    heard = await hear(adapter, ask(fake_provider.url, model))
    assert heard.text == ("One byte é 🌊." if model == "drip" else TEXT)
    assert [finish.reason for finish in heard.finishes] == ["stop"]


@pytest.mark.parametrize(
    ("model", "code", "status", "retryable"),
    [
        ("error-400", "invalid_request", 400, False),
        ("error-401", "authentication", 401, False),
        ("error-403", "permission", 403, False),
        ("error-404", "not_found", 404, False),
        ("error-429", "rate_limit", 429, True),
        ("quota", "quota", 429, False),
        ("error-500", "unavailable", 500, True),
        ("error-503", "unavailable", 503, True),
        ("overloaded", "overloaded", 503, True),
        ("too-long", "context_length", 400, False),
        ("policy", "content_filter", 400, False),
    ],
)
async def test_a_refusal_has_its_place_in_the_table(adapter, fake_provider, model, code, status, retryable):
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(fake_provider.url, model))
    assert (caught.value.code, caught.value.status, caught.value.retryable) == (code, status, retryable)
    assert len(fake_provider.requests) == 1


async def test_a_refusal_tells_the_providers_own_reason(adapter, fake_provider):
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(fake_provider.url, "error-429"))
    assert caught.value.message == "OpenAI limits how often it may be asked. It said: Rate limit reached for requests per minute."
    assert caught.value.retry_after == 7.0


async def test_a_long_reason_is_cut(adapter, fake_provider):
    fake_provider.script("m", status=400, error={"message": "No. " * 1000})
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(fake_provider.url, "m"))
    assert len(caught.value.message) < 600
    assert caught.value.message.endswith("…")


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("reset-mid", "connection"),
        ("cut", "connection"),
        ("truncated", "connection"),
        ("garbage", "bad_response"),
        ("not-utf8", "bad_response"),
        ("error-mid", "unavailable"),
    ],
)
async def test_what_came_before_a_break_is_kept(adapter, fake_provider, model, code):
    heard = Heard()
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(fake_provider.url, model), heard)
    assert caught.value.code == code
    assert TEXT.startswith(heard.text)
    assert heard.finishes == []


async def test_an_error_in_mid_stream_tells_its_reason(adapter, fake_provider):
    with pytest.raises(ProviderError, match=r"The model crashed\."):
        await hear(adapter, ask(fake_provider.url, "error-mid"))


async def test_a_page_instead_of_a_stream_is_not_asked_again(adapter, fake_provider):
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(fake_provider.url, "html"))
    assert (caught.value.code, caught.value.retryable) == ("bad_response", False)


@pytest.mark.parametrize("model", ["reset-before"])
async def test_a_connection_that_breaks_before_the_answer_may_be_tried_again(adapter, fake_provider, model):
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(fake_provider.url, model))
    assert (caught.value.code, caught.value.retryable) == ("connection", True)


async def test_a_refused_connection_may_be_tried_again(adapter, refusing_url):
    with pytest.raises(ProviderError) as caught:
        await hear(adapter, ask(refusing_url, "plain"))
    assert (caught.value.code, caught.value.retryable) == ("connection", True)


@pytest.mark.parametrize("model", ["hang-headers", "hang-before", "hang-mid"])
async def test_a_silent_provider_is_given_up_and_let_go(make_adapter, fake_provider, model):
    await hear(make_adapter(), ask(fake_provider.url, "plain"))  # LiteLLM's first call loads it
    with pytest.raises(ProviderError) as caught:
        await hear(make_adapter(HASTY), ask(fake_provider.url, model))
    assert (caught.value.code, caught.value.retryable) == ("timeout", True)
    await saw_the_close(fake_provider)


async def test_a_slow_provider_is_waited_for(adapter, fake_provider):
    fake_provider.script("m", chunks=["late"], headers_delay=0.2, first_delay=0.2)
    assert (await hear(adapter, ask(fake_provider.url, "m"))).text == "late"


async def test_closing_the_stream_closes_the_connection(adapter, fake_provider):
    async with aclosing(adapter.stream(ask(fake_provider.url, "paced-200x100000"))) as stream:
        async for _ in stream:
            break
    await saw_the_close(fake_provider)


async def test_canceling_the_task_closes_the_connection(adapter, fake_provider):
    heard = Heard()
    task = asyncio.create_task(hear(adapter, ask(fake_provider.url, "hang-mid"), heard))
    while not heard.text:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await saw_the_close(fake_provider)


async def test_it_does_not_retry_by_itself(adapter, fake_provider):
    fake_provider.script("m", status=500, times=1)
    with pytest.raises(ProviderError):
        await hear(adapter, ask(fake_provider.url, "m"))
    assert len(fake_provider.requests) == 1


async def saw_the_close(fake_provider) -> None:
    """The provider noticed that its client went away before the reply's end."""
    seen = fake_provider.last
    assert await asyncio.to_thread(seen.ended.wait, 10)
    assert seen.closed_early_at is not None
