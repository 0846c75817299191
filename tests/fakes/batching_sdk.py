"""A logging SDK that speaks the batch contract: events are queued, sent in batches in the background, and tried again on 5xx.

Written after the contract alone: `POST {base}/v1/events:batch` with {"events": […]}, 202 with {accepted, rejected, stream_ids}.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

BATCH = 500


class BatchingClient:
    """Keeps events until `flush`; what was refused with a 5xx stays queued and is sent again."""

    def __init__(self, base_url: str, token: str, *, attempts: int = 5, pause_seconds: float = 0.05) -> None:
        self._client = httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=30)
        self._attempts = attempts
        self._pause_seconds = pause_seconds
        self.queue: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.dropped_count = 0

    def log_inference(self, **fields: Any) -> str:
        """A call that has ended; returns its id."""
        end = datetime.now(UTC)
        event: dict[str, Any] = {
            "schema_version": 1,
            "inference_id": str(uuid4()),
            "model": "gpt-4o-mini",
            "provider": "openai",
            "status": "ok",
            "ts_start": (end - timedelta(milliseconds=1500)).isoformat(),
            "ts_end": end.isoformat(),
            "latency_ms": 1500,
            "conversation_id": None,
            "raw_payload_uri": "s3://elsewhere/1",
            "sdk_version": "0.1.0",
        }
        self.queue.append(event | fields)
        return str(self.queue[-1]["inference_id"])

    def log_tool(self, inference_id: str, tool_name: str, **fields: Any) -> str:
        """A tool's run that a call asked for; returns its id."""
        event = {
            "event_type": "tool_invocation",
            "tool_invocation_id": str(uuid4()),
            "inference_id": inference_id,
            "tool_name": tool_name,
            "status": "ok",
            "latency_ms": 120,
        }
        self.queue.append(event | fields)
        return str(self.queue[-1]["tool_invocation_id"])

    def flush(self) -> list[dict[str, Any]]:
        """Send all that is queued; the answers."""
        answers = []
        while self.queue:
            batch, self.queue = self.queue[:BATCH], self.queue[BATCH:]
            answer = self._send(batch)
            if answer is None:
                self.dropped_count += len(batch)
            else:
                answers.append(answer)
        return answers

    def close(self) -> None:
        self._client.close()

    def _send(self, batch: list[dict[str, Any]]) -> dict[str, Any] | None:
        for attempt in range(self._attempts):
            response = self._client.post("/v1/events:batch", json={"events": batch})
            self.statuses.append(response.status_code)
            if response.status_code == 202:
                answer: dict[str, Any] = response.json()
                return answer
            if response.status_code < 500:
                return None
            time.sleep(self._pause_seconds * 2**attempt)
        return None
