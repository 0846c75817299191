"""What calls are found by: their words."""

from django.contrib.postgres.search import SearchVectorField
from django.db import models


class SearchEntry(models.Model):
    """The words of one call. Partitioned like the log, with the same key: (workspace_id, received_at, id)."""

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    received_at = models.DateTimeField()
    words = SearchVectorField()

    class Meta:
        db_table = "search_entry"

    def __str__(self) -> str:
        return str(self.id)
