"""`POST /v1/embeddings`."""

from accounts.entrance import Request, Response
from gateway import answers, wires
from gateway.completions.asked import Asked
from gateway.dialects import texts
from gateway.dialects.fields import Fields
from gateway.streaming import answer


async def embed(request: Request) -> Response:
    """Vectors of texts. Raises `Refused`."""
    fields = Fields.of_body(request.body)
    model = fields.text("model", is_needed=True)
    messages, parameters = texts.read_embedding(fields)
    is_base64 = fields.choice("encoding_format", ("float", "base64")) == "base64"
    asked = Asked(model, messages, parameters, end_user=fields.text("user") or None, size=len(request.body))
    given = fields.given["input"]

    async def produce() -> Response:
        writer = texts.Embedding(model, is_base64=is_base64)
        is_opaque = texts.has_tokens(given)
        return await answer(request, asked, wires.embeddings(given), writer, is_opaque=is_opaque, operation="embeddings")

    return await answers.once(request, produce)
