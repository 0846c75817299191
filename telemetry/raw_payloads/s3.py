"""Raw payloads in a bucket of S3 or of whatever speaks its language; boto3's own variables (AWS_…) say where and as whom."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from telemetry.raw_payloads import StoreError, day_of

PIECE = 1000  # keys that S3 deletes at once
SECONDS = 5


class ObjectStore:
    name = "s3"
    is_elsewhere = True

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError as error:
            raise StoreError("S3 needs boto3: uv pip install -r requirements-extras.txt") from error
        self._errors = (BotoCoreError, ClientError)
        limits = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"max_attempts": 2}, max_pool_connections=16)
        with self._told():
            self._client: Any = boto3.client("s3", config=limits)

    def put(self, key: str, body: bytes) -> None:
        with self._told():
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=body, ContentType="application/zstd")

    def get(self, key: str) -> bytes | None:
        with self._told():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except self._client.exceptions.NoSuchKey:
                return None
            body: bytes = answer["Body"].read()
            return body

    def delete(self, keys: Iterable[str]) -> None:
        named = [{"Key": self._prefix + key} for key in keys]
        with self._told():
            for start in range(0, len(named), PIECE):
                piece = {"Objects": named[start : start + PIECE], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self._bucket, Delete=piece)
                if answer.get("Errors"):
                    raise StoreError(
                        f"The bucket {self._bucket} keeps what it should delete ({answer['Errors'][0].get('Code')})."
                    )

    def days(self) -> Iterable[date]:
        with self._told():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix, Delimiter="/"
            )
            names = [each["Prefix"][len(self._prefix) : -1] for page in pages for each in page.get("CommonPrefixes", [])]
        return [day for name in names if (day := day_of(name))]

    def drop(self, prefix: str) -> None:
        with self._told():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
            keys = [each["Key"][len(self._prefix) :] for page in pages for each in page.get("Contents", [])]
        self.delete(keys)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The library's errors in a sentence, without what they may repeat of the request."""
        try:
            yield
        except self._errors as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code") or type(error).__name__
            raise StoreError(f"The raw payloads in s3://{self._bucket} can't be reached ({code}).") from error
