"""Raw payloads in PostgreSQL: written and erased in the transaction of their calls."""

from collections.abc import Iterable
from datetime import date

from django.db import connection

from telemetry.models import RawPayload

PUT = "INSERT INTO raw_payload (key, body) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET body = EXCLUDED.body"
# From one day to the next by the key's index: as many steps as there are days.
DAYS = """
WITH RECURSIVE step AS (
    (SELECT left(key, 10) AS day FROM raw_payload ORDER BY key LIMIT 1)
    UNION ALL
    SELECT (SELECT left(key, 10) FROM raw_payload WHERE key >= step.day || '0' ORDER BY key LIMIT 1) FROM step
    WHERE step.day IS NOT NULL
)
SELECT day::date FROM step WHERE day IS NOT NULL
"""


class DatabaseStore:
    name = "database"
    is_elsewhere = False

    def put(self, key: str, body: bytes) -> None:
        with connection.cursor() as cursor:
            cursor.execute(PUT, [key, body])

    def get(self, key: str) -> bytes | None:
        body = RawPayload.objects.filter(key=key).values_list("body", flat=True).first()
        return None if body is None else bytes(body)

    def delete(self, keys: Iterable[str]) -> None:
        RawPayload.objects.filter(key__in=list(keys)).delete()

    def days(self) -> Iterable[date]:
        with connection.cursor() as cursor:
            cursor.execute(DAYS)
            return [day for (day,) in cursor.fetchall()]

    def drop(self, prefix: str) -> None:
        RawPayload.objects.filter(key__gte=prefix, key__lt=prefix[:-1] + chr(ord("/") + 1)).delete()
