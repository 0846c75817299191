"""A program that asks the REST API, without a server between."""

from typing import Any

from django.test import Client

from tests.programs import make_token


class Program:
    """Comes with a key, by default one that may administrate."""

    def __init__(self, person: Any = None, *, token: str = "", scopes: tuple[str, ...] = ("admin",)) -> None:
        self.token = token or make_token(person, scopes=list(scopes))

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        headers = {"authorization": f"Bearer {self.token}"}
        options: dict[str, Any] = {"headers": headers, "query_params": query}
        if body is not None:
            options |= {"data": body, "content_type": "application/json"}
        return getattr(Client(), method)(f"/api/v1{path}", **options)

    def told(self, method: str, path: str, body: Any = None, *, status: int = 200, **query: Any) -> Any:
        """What was answered, with this status."""
        answer = self.ask(method, path, body, **query)
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    def pages(self, path: str, **query: Any) -> list[Any]:
        """A list, read page by page."""
        found, cursor = [], ""
        while True:
            page = self.told("get", path, status=200, **query, **({"cursor": cursor} if cursor else {}))
            found += page["data"]
            if not (cursor := page["next_cursor"]):
                return found
