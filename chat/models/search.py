"""The index of what was said in conversations, and of the titles that they were given."""

import uuid

from django.contrib.postgres.search import SearchVectorField
from django.db import models


class SearchEntry(models.Model):
    """The words of one message, or of a conversation's title: then `id` is the conversation's.

    Triggers of the database write it, whoever changes a text (migration 0004). A word `o:` with the owner's id stands among the
    others, so that a person's search reads the index of their own messages alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation_id = models.UUIDField()
    said_at = models.DateTimeField()
    words = SearchVectorField()

    class Meta:
        db_table = "chat_search_entry"

    def __str__(self) -> str:
        return f"words of {self.id}"
