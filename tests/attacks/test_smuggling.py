"""A program tries to lead a call elsewhere, or to have it made with something else than what the installation knows."""

import json
from typing import Any

import pytest

from tests.chat.tools.conftest import Site, _running_site, site

__all__ = ["_running_site", "site"]

MESSAGES = [{"role": "user", "content": "Hello"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": "Hello"},
    "/v1/embeddings": {"input": "Hello"},
    "/v1/responses": {"input": "Hello"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 9},
}
DIRECT = [(path, "openai/plain") for path in BODIES]
LITE = [("/v1/chat/completions", "anthropic/plain"), ("/v1/completions", "anthropic/plain"), ("/v1/messages", "anthropic/plain")]
LITE += [("/v1/responses", "anthropic/plain")]
OURS = ("sk-of-the-installation", "sk-ant-of-the-installation")
STOLEN = "sk-of-mallory"


def smuggled(trap: str) -> dict[str, Any]:
    """What LiteLLM, its proxy, OpenAI's client or a careless gateway would take for an address, a key or an order."""
    return {
        **dict.fromkeys(
            ("api_base", "base_url", "api_url", "endpoint", "azure_endpoint", "proxy", "callback_url", "webhook"), trap
        ),
        **dict.fromkeys(("api_key", "azure_ad_token", "aws_secret_access_key", "vertex_credentials", "organization"), STOLEN),
        "extra_headers": {"Authorization": f"Bearer {STOLEN}", "X-Smuggled": "1"},
        "headers": {"X-Smuggled": "1"},
        "extra_body": {"api_base": trap},
        "extra_query": {"smuggled": "1"},
        "user_config": {"model_list": [{"model_name": "x", "litellm_params": {"api_base": trap, "api_key": STOLEN}}]},
        "model_list": [{"model_name": "x", "litellm_params": {"api_base": trap}}],
        "litellm_params": {"api_base": trap},
        "fallbacks": [{"model": "openai/other", "api_base": trap}],
        "context_window_fallbacks": [{"x": ["y"]}],
        "mock_response": "smuggled words",
        "custom_llm_provider": "openai",
        "custom_prompt_dict": {"x": 1},
        "client": trap,
        "shared_session": trap,
        "success_callback": [trap],
        "logger_fn": trap,
        "langfuse_host": trap,
        "timeout": 0.001,
        "num_retries": 99,
        "caching": True,
        "ssl_verify": False,
        "drop_params": False,
        "__proto__": {"api_base": trap},
    }


def deep(trap: str) -> dict[str, Any]:
    """The same where an answer to a field that is allowed may hide it. A value is a text where texts are wanted."""
    return {"metadata": {"api_base": trap, "api_key": STOLEN, "user_api_key": STOLEN, "proxy_server_request": trap}}


@pytest.mark.parametrize(("path", "model"), [*DIRECT, *LITE])
def test_what_is_smuggled_goes_nowhere(caller, fake_provider, site: Site, path, model):
    trap = f"{site.url}/v1"
    body = {"model": model, **BODIES[path], **smuggled(trap), **(deep(trap) if path != "/v1/messages" else {})}
    answer = caller.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert "smuggled words" not in answer.text
    assert site.seen == []
    seen = fake_provider.last
    told = json.dumps(seen.body) + json.dumps(seen.headers)
    assert trap not in told
    assert STOLEN not in told
    assert "muggled" not in told
    carried = seen.headers.get("Authorization", "") + seen.headers.get("x-api-key", seen.headers.get("X-Api-Key", ""))
    assert carried.removeprefix("Bearer ") in OURS
    assert not any(key in answer.text + str(answer.headers) for key in OURS)


@pytest.mark.parametrize("model", ["openai/plain", "anthropic/plain"])
def test_what_is_smuggled_into_messages_and_tools_goes_nowhere(caller, fake_provider, site: Site, model):
    trap = f"{site.url}/v1"
    extra = {"api_base": trap, "api_key": STOLEN, "extra_headers": {"X-Smuggled": "1"}}
    function = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    body = {
        "model": model,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello", **extra}], **extra}],
        "tools": [{"type": "function", "function": function, **extra}],
        "max_tokens": 9,
    }
    assert caller.post("/v1/chat/completions", json=body).status_code == 200
    told = json.dumps(fake_provider.last.body) + json.dumps(fake_provider.last.headers)
    assert not any(word in told for word in (trap, STOLEN, "muggled"))
    assert site.seen == []


NAMES = (
    "http://127.0.0.1:9/v1",
    "openai/http://127.0.0.1:9/v1",
    "anthropic/http://127.0.0.1:9/v1",
    "huggingface/http://127.0.0.1:9/x",
    "custom_openai/x",
    "litellm_proxy/x",
    "os.environ/OPENAI_API_KEY",
    "openai/${OPENAI_API_KEY}",
    "anthropic/../../v1/models",
    "anthropic/x?beta=true#y",
    "x' OR '1'='1",
    "x'; DROP TABLE accounts_user; --",
    "openai\x00/plain",
    "/" * 250,
    "",
)


@pytest.mark.parametrize("path", BODIES)
def test_no_name_of_a_model_leads_anywhere(caller, fake_provider, path):
    for name in NAMES:
        answer = caller.post(path, json={"model": name, **BODIES[path]})
        assert not any(key in answer.text for key in OURS), name
        if name.startswith("openai/"):  # a server of OpenAI's kind is told any name, as a name
            assert fake_provider.last.body["model"] == name.removeprefix("openai/")
        else:
            assert answer.status_code in (400, 403, 404), (name, answer.text)
    assert {seen.body["model"] for seen in fake_provider.requests} == {"http://127.0.0.1:9/v1", "${OPENAI_API_KEY}"}


HOSTED = (
    "mcp",
    "web_search",
    "web_search_preview",
    "file_search",
    "code_interpreter",
    "computer_use_preview",
    "advisor_20260301",
)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_no_provider_runs_tools_by_itself(caller, fake_provider, site: Site, path):
    for kind in HOSTED:
        tool = {"type": kind, "name": kind, "server_label": "x", "server_url": f"{site.url}/mcp", "require_approval": "never"}
        for model in ("openai/plain", "anthropic/plain"):
            answer = caller.post(path, json={"model": model, **BODIES[path], "tools": [tool]})
            assert (answer.status_code, bool(answer.json()["error"]["message"])) == (400, True), (kind, model)
    assert (fake_provider.requests, site.seen) == ([], [])


BROKEN = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "cut": b"{",
    "bytes": b"\xff\xfe",
    "deep list": b'{"model": "openai/plain", "messages": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep object": b'{"model": "openai/plain", "input": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}",
    "operator": b'{"model": {"$gt": ""}}',
    "numbers": b'{"model": "openai/plain", "n": 1e308, "max_tokens": -1, "temperature": NaN}',
}


@pytest.mark.parametrize("path", BODIES)
def test_a_broken_body_is_refused(caller, fake_provider, path):
    for name, body in BROKEN.items():
        answer = caller.post(path, content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, "Traceback" in answer.text) == (400, False), (name, answer.text)
    assert fake_provider.requests == []
