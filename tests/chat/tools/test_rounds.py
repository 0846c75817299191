"""Tools in a reply: used, shown, recorded and told to the model, within bounds, and ended with the run."""

import json

import pytest

from chat.models import Conversation, Message, ToolUse
from telemetry import digest
from telemetry.models import InferenceLog, Span
from tests.chat.browser import Browser, Sent, ended, wait_for
from tests.chat.tools.conftest import Site, asks, wants
from tests.fakes.fixtures import RunningProvider
from tests.server import WebServer, web_server

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
pytestmark = pytest.mark.usefixtures("switched_on")


def ask(browser: Browser, prompt: str = "What time is it?", tools: tuple[str, ...] = ("clock", "http_fetch"), **more) -> Sent:
    return browser.send(prompt, model="openai/handy", tools_shown="1", tools=list(tools), **more)


def test_a_tool_is_used_and_the_model_told_what_came_of_it(as_alice: Browser, fake_provider: RunningProvider):
    arguments = ('{"time', 'zone": "Eur', 'ope/Paris"}')
    fake_provider.queue("handy", wants(asks("clock", *arguments), chunks=["Let me look."]), {"chunks": ["It is ", "late."]})
    sent = ask(as_alice)
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    reply = ended(sent.run)

    use = reply.tool_uses.get()
    assert (use.name, use.status, json.loads(use.arguments)) == ("clock", "done", {"timezone": "Europe/Paris"})
    assert "(Europe/Paris)" in use.result
    assert reply.content == "Let me look.\n\nIt is late."
    assert "Europe/Paris" in shown.tools[str(use.id)]
    asked = fake_provider.last.body["messages"]
    assert asked[-2]["tool_calls"][0]["function"] == {"name": "clock", "arguments": "".join(arguments)}
    assert asked[-1] == {"role": "tool", "tool_call_id": "call_1", "content": use.result}
    assert f"tool-{use.id}" in as_alice.client.get(f"/c/{sent.conversation}/").text


def test_each_call_is_recorded_and_the_reply_has_their_sum(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.queue("handy", wants(asks("clock")), wants(asks("clock", call_id="call_2")), {"chunks": ["Late."]})
    sent = ask(as_alice)
    reply = ended(sent.run)
    digest.drain()

    rows = list(InferenceLog.objects.filter(message_id=reply.id).order_by("started_at"))
    spans = list(Span.objects.filter(trace_id=reply.trace_id).order_by("started_at"))
    assert [(row.status, row.attempt, row.trace_id) for row in rows] == [("success", 1, reply.trace_id)] * 3
    assert reply.completion_tokens == sum(row.output_tokens or 0 for row in rows)
    assert reply.prompt_tokens == sum(row.input_tokens or 0 for row in rows)
    assert [(span.kind, span.name, span.status) for span in spans] == [("tool", "clock", "success")] * 2
    assert [(span.parent_span_id, span.inference_id) for span in spans] == [(row.span_id, row.id) for row in rows[:2]]
    assert reply.inference_id == rows[2].id


def test_tools_of_one_round_run_beside_each_other(as_alice: Browser, fake_provider: RunningProvider, site: Site):
    site.put("/slow", "slow")
    address = json.dumps({"url": f"{site.url}/slow"})
    fake_provider.queue(
        "handy",
        wants(asks("http_fetch", address), asks("clock", call_id="call_2"), asks("clock", call_id="call_3")),
        {"chunks": ["Done."]},
    )
    sent = ask(as_alice)
    wait_for(lambda: ToolUse.objects.filter(status="done").count() == 2)
    assert ToolUse.objects.get(name="http_fetch").status == "running"
    site.gate.set()
    reply = ended(sent.run)
    assert [use.status for use in reply.tool_uses.order_by("position")] == ["done"] * 3
    assert [message.get("tool_call_id") for message in fake_provider.last.body["messages"][-3:]] == ["call_1", "call_2", "call_3"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (asks("nothing_such"), "There is no tool 'nothing_such' here."),
        (asks("clock", '{"timezone": '), "The arguments are not valid JSON"),
        (asks("clock", "[1]"), "must be a JSON object"),
        (asks("clock", '{"timezone": "Mars/Base"}'), "There is no time zone 'Mars/Base'"),
        (asks("http_fetch", '{"url": "http://127.0.0.1:1/"}'), "Addresses of private networks are not fetched."),
    ],
)
def test_what_goes_wrong_is_told_to_the_model_and_shown(as_alice: Browser, fake_provider: RunningProvider, call: dict, told: str):
    fake_provider.queue("handy", wants(call), {"chunks": ["Sorry."]})
    reply = ended(ask(as_alice).run)
    use = reply.tool_uses.get()
    assert (use.status, reply.status) == ("failed", "complete")
    assert told in use.result
    assert told in fake_provider.last.body["messages"][-1]["content"]


def test_a_reply_uses_no_more_tools_than_it_may(as_alice: Browser, fake_provider: RunningProvider):
    many = [asks("clock", call_id=f"call_{number}") for number in range(20)]
    fake_provider.queue("handy", wants(*many), {"chunks": ["Enough."]})
    reply = ended(ask(as_alice).run)
    statuses = [use.status for use in reply.tool_uses.order_by("position")]
    assert statuses == ["done"] * 16 + ["denied"] * 4
    assert fake_provider.last.body["tool_choice"] == "none"
    assert reply.content == "Enough."


def test_a_model_that_asks_for_ever_is_told_to_answer_and_then_ended(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("handy", tool_calls=[asks("clock")], finish_reason="tool_calls")
    reply = ended(ask(as_alice).run)
    assert reply.tool_uses.count() == 8
    assert len(fake_provider.requests) == 9
    assert (reply.status, reply.error_code) == ("failed", "bad_response")
    assert "went on asking for tools" in reply.error


def test_tools_that_nobody_offered_end_the_reply_with_a_reason(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.script("handy", tool_calls=[asks("weather")], finish_reason="tool_calls")
    reply = ended(ask(as_alice, tools=()).run)
    assert "tools" not in fake_provider.last.body
    assert (reply.status, reply.tool_uses.count()) == ("failed", 0)
    assert "weather" in reply.error


def test_stop_ends_a_tool_that_runs(as_alice: Browser, fake_provider: RunningProvider, site: Site):
    fake_provider.queue("handy", wants(asks("http_fetch", json.dumps({"url": f"{site.url}/slow"}))))
    sent = ask(as_alice)
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.tools)
        as_alice.stop(sent.run)
        page.read_until(lambda: shown.end, seconds=5)
    reply = ended(sent.run)
    digest.drain()

    assert (reply.status, reply.tool_uses.get().status) == ("canceled", "canceled")
    assert "Stopped" in next(iter(shown.tools.values()))
    assert [row.status for row in InferenceLog.objects.filter(message_id=reply.id)] == ["success"]
    assert Span.objects.get(trace_id=reply.trace_id).status == "canceled"
    assert reply.usage_source == "provider"


def test_a_killed_process_leaves_its_tool_as_failed(
    own_server: WebServer, alice, fake_provider: RunningProvider, provider_environment: dict[str, str], site: Site
):
    fake_provider.queue("handy", wants(asks("http_fetch", json.dumps({"url": f"{site.url}/slow"})), chunks=["Looking."]))
    with Browser.of(alice, own_server) as browser:
        sent = ask(browser)
        wait_for(lambda: ToolUse.objects.filter(status="running").exists())
        wait_for(lambda: Message.objects.get(run_id=sent.run).content)
        own_server.kill()
    with web_server(provider_environment) as server, Browser.of(alice, server) as browser:
        reply = ended(sent.run, seconds=60)
        html = browser.client.get(f"/c/{sent.conversation}/").text
    digest.drain()

    assert (reply.status, reply.content) == ("interrupted", "Looking.")
    assert (reply.tool_uses.get().status, "The server stopped" in html) == ("failed", True)
    # The call that asked for it had ended, and was paid for by the provider's own count.
    assert [row.status for row in InferenceLog.objects.filter(message_id=reply.id)] == ["success"]
    assert (reply.usage_source, reply.completion_tokens) == ("provider", 1)


def test_a_long_result_is_cut_for_the_model_and_the_page(as_alice: Browser, fake_provider: RunningProvider, site: Site):
    url = site.put("/long", "word " * 20_000, kind="text/plain")
    fake_provider.queue("handy", wants(asks("http_fetch", json.dumps({"url": url}))), {"chunks": ["Long."]})
    sent = ask(as_alice)
    reply = ended(sent.run)
    use = reply.tool_uses.get()
    assert len(use.result.encode()) <= 32 * 1024
    assert use.result.endswith("was cut.]]")
    assert len(fake_provider.last.body["messages"][-1]["content"]) == len(use.result)
    assert "The model was given" in as_alice.client.get(f"/c/{sent.conversation}/").text


def test_secrets_in_arguments_and_results_are_stored_nowhere(
    as_alice: Browser, fake_provider: RunningProvider, site: Site, server: WebServer
):
    url = site.put(f"/page?token={SECRET}", f"Your key is {SECRET}.", kind="text/plain")
    fake_provider.queue("handy", wants(asks("http_fetch", json.dumps({"url": url}))), {"chunks": ["Done."]})
    sent = ask(as_alice)
    with as_alice.page() as page:
        shown = page.sync(sent.conversation, sent.run)
        page.read_until(lambda: shown.end)
    reply = ended(sent.run)
    digest.drain()

    use = reply.tool_uses.get()
    logged = [str(row.__dict__) for model in (InferenceLog, Span) for row in model.objects.all()]
    assert SECRET not in f"{use.arguments}{use.result}{shown.frames}{logged}{server.news()}"
    assert "Your key is" in use.result
    # The model gets it as it was: it is the tool's word, and the workspace redacts what is kept.
    assert SECRET in fake_provider.last.body["messages"][-1]["content"]


def test_later_turns_are_told_of_the_tools(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.queue("handy", wants(asks("clock")), {"chunks": ["Late."]}, {"chunks": ["Yes."]})
    sent = ask(as_alice)
    reply = ended(sent.run)
    ended(ask(as_alice, "Sure?", conversation=sent.conversation).run)
    roles = [message["role"] for message in fake_provider.last.body["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    assert fake_provider.last.body["messages"][2]["content"] == reply.tool_uses.get().result


def test_a_chat_remembers_its_tools_until_they_are_switched_off(as_alice: Browser, fake_provider: RunningProvider):
    sent = ask(as_alice, tools=("clock", "unheard_of"))
    ended(sent.run)
    assert Conversation.objects.get(id=sent.conversation).tools == ["clock"]
    assert [tool["function"]["name"] for tool in fake_provider.last.body["tools"]] == ["clock"]
    ended(as_alice.send("Again", model="openai/handy", conversation=sent.conversation).run)
    assert len(fake_provider.last.body["tools"]) == 1
    ended(ask(as_alice, conversation=sent.conversation, tools=()).run)
    assert "tools" not in fake_provider.last.body


def test_a_provider_that_fails_after_a_tool_leaves_what_is_there(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.queue("handy", wants(asks("clock"), chunks=["Looking."]), {"status": 401})
    reply = ended(ask(as_alice).run)
    digest.drain()
    assert (reply.status, reply.error_code, reply.content) == ("failed", "authentication", "Looking.")
    assert reply.tool_uses.get().status == "done"
    assert sorted(row.status for row in InferenceLog.objects.filter(message_id=reply.id)) == ["error", "success"]


def test_a_round_that_is_refused_at_first_is_tried_again(as_alice: Browser, fake_provider: RunningProvider):
    fake_provider.queue("handy", wants(asks("clock")), {"status": 503}, {"chunks": ["Late."]})
    reply = ended(ask(as_alice).run)
    digest.drain()
    rows = InferenceLog.objects.filter(message_id=reply.id).order_by("started_at")
    assert [(row.status, row.attempt) for row in rows] == [("success", 1), ("error", 1), ("success", 2)]
    assert reply.content == "Late."


def test_of_a_temporary_chat_no_words_of_its_tools_are_logged(as_alice: Browser, fake_provider: RunningProvider, site: Site):
    url = site.put("/secret-plan", "The secret plan.", kind="text/plain")
    fake_provider.queue("handy", wants(asks("http_fetch", json.dumps({"url": url}))), {"chunks": ["Noted."]})
    reply = ended(ask(as_alice, temporary="1").run)
    digest.drain()
    span = Span.objects.get(trace_id=reply.trace_id)
    assert "secret" not in str(span.__dict__)
    assert (span.name, span.status) == ("http_fetch", "success")
