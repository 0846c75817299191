"""Ask in a conversation by protobuf, to see it work.

    export TOKEN="olv_…"; export CID="c_…"   # of POST /v1/conversations; without CID a conversation is made
    python protos/send_pb.py "Tell me a 1 line joke"

OLLIVE_URL is where Ollive is, http://127.0.0.1:8000 unless it says otherwise; IDEMPOTENCY_KEY makes sending twice harmless.
"""

import json
import os
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).parent))

import chat_pb2  # noqa: E402 (it lies beside this file)


def post(path: str, body: bytes, media_type: str, **others: str) -> bytes:
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": media_type, **others}
    address = os.environ.get("OLLIVE_URL", "http://127.0.0.1:8000").rstrip("/") + path
    with urlopen(Request(address, body, headers), timeout=120) as answer:
        return answer.read()


def main() -> int:
    if not os.environ.get("TOKEN"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        cid = os.environ.get("CID") or json.loads(post("/v1/conversations", b"{}", "application/json"))["conversation_id"]
        asked = chat_pb2.ChatRequest(conversation_id=cid, message=" ".join(sys.argv[1:]) or "Tell me a 1 line joke")
        key = os.environ.get("IDEMPOTENCY_KEY")
        once = {"Idempotency-Key": key} if key else {}
        answer = post("/v1/chat/completions.pb", asked.SerializeToString(), "application/x-protobuf", **once)
    except HTTPError as error:
        print(f"{error.code}: {error.read().decode()}", file=sys.stderr)
        return 1
    print(chat_pb2.ChatResponse.FromString(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
