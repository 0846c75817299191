"""What the demo's calls are drawn from: models, sources, apps, errors, tools. Pure."""

from typing import NamedTuple

NULL = r"\N"


class Model(NamedTuple):
    """A model in the mix: how often it is asked, its median time to first token, its tokens a second."""

    weight: int
    provider: str
    name: str
    served: str
    ttft_ms: float
    speed: float
    reasoning: float = 0.0  # share of the completion


MODELS = (
    Model(26, "openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 420, 95),
    Model(13, "openai", "gpt-4o", "gpt-4o-2024-08-06", 560, 70),
    Model(8, "openai", "gpt-4.1", "gpt-4.1-2025-04-14", 610, 80),
    Model(5, "openai", "o4-mini", "o4-mini-2025-04-16", 2600, 110, 0.6),
    Model(12, "anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5", 900, 62),
    Model(8, "anthropic", "claude-haiku-4-5", "claude-haiku-4-5", 480, 120),
    Model(9, "gemini", "gemini-2.5-flash", "gemini-2.5-flash", 380, 150),
    Model(4, "gemini", "gemini-2.5-pro", "gemini-2.5-pro", 1900, 90, 0.3),
    Model(6, "groq", "llama-3.3-70b-versatile", "llama-3.3-70b-versatile", 180, 260),
    Model(3, "azure", "gpt-4o", "gpt-4o", 640, 66),
    Model(2, "mistral", "mistral-small-latest", "mistral-small-latest", 330, 100),
    Model(3, "local", "smollm2-135m-instruct", "smollm2-135m-instruct", 150, 55),
    Model(1, "openai", "in-house-preview", "in-house-preview", 700, 60),  # without a price
)
SOURCES = ("chat",) * 45 + ("gateway",) * 25 + ("sdk",) * 20 + ("otlp",) * 6 + ("litellm",) * 4
APPS = ("web", "web", "web", "mobile", "support-bot", "batch", "notebook")
VERSIONS = ("1.4.0", "1.4.1", "1.5.0", "1.5.0", "2.0.0-rc1")
TAGS = ("{support}", "{search,beta}", "{batch}", "{evaluation}", "{onboarding}", "{vip,support}")
ERRORS = (
    ("rate_limit", "429", "The provider limits how often it may be asked."),
    ("timeout", NULL, "The provider did not answer in time."),
    ("server_error", "503", "The provider has a fault of its own."),
    ("context_length", "400", "The conversation is too long for this model."),
    ("authentication", "401", "The provider does not accept the key."),
)
SERVER_ERROR = ERRORS[2]
RETRYING = ("chat", "gateway")  # where a call is tried again by itself
TRACED = ("sdk", "otlp")  # who tells of steps around the calls
ALIAS, SHARED = "fast", {"gpt-4o-mini", "claude-haiku-4-5"}  # a short name that leads to these two
SLOW_MS = 15_000
TOOLS = ("search_documents", "fetch_page", "run_query", "send_mail", "read_calendar")
