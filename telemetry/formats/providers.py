"""One name a provider, and one for each way to fail: those of our price lists and of the gateway's table."""

import re

NAMES = {
    "aws": "bedrock",
    "aws.bedrock": "bedrock",
    "amazon_bedrock": "bedrock",
    "az.ai.inference": "azure_ai",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure_ai",
    "azure.ai.openai": "azure",
    "azure-openai": "azure",
    "azure_openai": "azure",
    "fireworks": "fireworks_ai",
    "gcp.gemini": "gemini",
    "gcp.gen_ai": "gemini",
    "gcp.vertex_ai": "vertex_ai",
    "google": "gemini",
    "google_genai": "gemini",
    "google_vertexai": "vertex_ai",
    "hugging_face": "huggingface",
    "ibm.watsonx.ai": "watsonx",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "together": "together_ai",
    "vertexai": "vertex_ai",
    "x_ai": "xai",
}
DOTTED = {"anthropic", "azure-openai", "cohere", "google", "groq", "mistral", "openai", "xai"}  # `openai.chat`
FRAMEWORKS = {"langchain", "crewai", "llamaindex", "llama_index", "haystack", "vercel", "_other"}
CANCELED = re.compile(r"cancel|generatorexit|keyboardinterrupt|abort", re.IGNORECASE)
CLASSES = (
    ("rate_limit", re.compile(r"rate.?limit|too.?many.?requests|throttl|\b429\b", re.IGNORECASE)),
    ("timeout", re.compile(r"time.?out|deadline|\b(408|504)\b", re.IGNORECASE)),
    ("authentication", re.compile(r"authenticat|unauthori[sz]ed|\b401\b", re.IGNORECASE)),
    ("permission", re.compile(r"permission|forbidden|\b403\b", re.IGNORECASE)),
    ("not_found", re.compile(r"not.?found|\b404\b", re.IGNORECASE)),
    ("context_length", re.compile(r"context.?(length|window|size)", re.IGNORECASE)),
    ("content_filter", re.compile(r"content.?(filter|policy)", re.IGNORECASE)),
    ("invalid_request", re.compile(r"bad.?request|invalid.?request|unprocessable|validation|\b(400|422)\b", re.IGNORECASE)),
    ("overloaded", re.compile(r"overload|\b529\b", re.IGNORECASE)),
    ("unavailable", re.compile(r"internal.?server|unavailable|\b50[023]\b", re.IGNORECASE)),
    ("connection", re.compile(r"connect", re.IGNORECASE)),
)


def provider(name: object) -> str | None:
    """A provider as the price lists name it; None for a framework, which is not one."""
    lowered = str(name).strip().lower() if name else ""
    if lowered.partition(".")[0] in DOTTED:
        lowered = lowered.partition(".")[0]
    return None if not lowered or lowered in FRAMEWORKS else NAMES.get(lowered, lowered)


def error_class(*hints: object) -> str | None:
    """The class that the hints speak of: an exception's name, a code, a message; the first hint that says something counts.

    Where none does, the first one's last word: `CellarError` of `cellar.errors.CellarError`.
    """
    texts = [str(hint) for hint in hints if hint]
    for text in texts:
        found = next((name for name, words in CLASSES if words.search(text)), None)
        if found:
            return found
    return texts[0].rpartition(".")[2] if texts else None


def is_cancellation(name: object) -> bool:
    """Whether an exception of this name means that nobody wanted the reply any more."""
    return bool(name) and bool(CANCELED.search(str(name)))
