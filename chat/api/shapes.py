"""What programs send and get at the addresses of conversations, as declared to ninja and to readers of /openapi.json."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import AfterValidator, ConfigDict

from chat.feedback import MAX_COMMENT
from chat.making import LABEL_CHARACTERS, TITLE_CHARACTERS
from chat.metadata import checked

Metadata = Annotated[dict[str, Any], AfterValidator(checked)]
Title = Annotated[str, Field(max_length=TITLE_CHARACTERS)]
Label = Annotated[str, Field(max_length=LABEL_CHARACTERS, description="Your own label for your user; never an access right.")]
Rating = Annotated[int, Field(ge=1, le=5)]
Comment = Annotated[str, Field(max_length=MAX_COMMENT)]


def example(**fields: Any) -> ConfigDict:
    """What a body may look like."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class NewConversation(Schema):
    user_id: Label | None = None
    title: Title | None = None
    metadata: Metadata | None = None

    model_config = example(user_id="user_123", title="Customer Support Chat", metadata={"source": "web"})


class ConversationChange(Schema):
    """What is left out or null stays as it is."""

    title: Title | None = None
    metadata: Metadata | None = None

    model_config = example(title="Refund for order 12")


class ConversationOut(Schema):
    id: str
    user_id: str | None
    title: str | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class MessageOut(Schema):
    """A message. Provider and model are as you named them; money is a number, or null where no price is known."""

    id: str
    conversation_id: str
    role: Literal["system", "user", "assistant"]
    content: str
    provider: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cost_usd: float | None
    latency_ms: int | None
    time_to_first_token_ms: int | None
    trace_id: str | None
    span_id: str | None
    metadata: dict[str, Any]
    error: str | None = Field(description="Why the reply is not whole, where it isn't.")
    created_at: datetime


class ConversationWithMessages(ConversationOut):
    """A conversation with the messages of the branch that is shown, oldest first."""

    messages: list[MessageOut]


class MessagePage(Schema):
    messages: list[MessageOut]
    total: int
    limit: int
    offset: int


class Cost(Schema):
    """What a conversation has cost, over all its replies, versions included. Unknown is never 0: replies without a price are
    counted."""

    conversation_id: str
    total_cost_usd: float
    priced_count: int
    unpriced_count: int
    is_estimated: bool
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class NewFeedback(Schema):
    message_id: uuid.UUID | None = None
    user_id: Label | None = None
    feedback_type: Literal["thumbs_up", "thumbs_down", "flag"]
    rating: Rating | None = None
    comment: Comment | None = None
    metadata: Metadata | None = None

    model_config = example(feedback_type="thumbs_up", rating=5, comment="Very helpful response!")


class FeedbackOut(Schema):
    id: str
    conversation_id: str
    message_id: str | None
    user_id: str | None
    feedback_type: Literal["thumbs_up", "thumbs_down", "flag"]
    rating: int | None
    comment: str | None
    metadata: dict[str, Any]
    created_at: datetime
