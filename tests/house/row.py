"""One line of the access matrix: how a route is asked, and what each person ends at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.house.belongings import Belongings, provider_of

SIGN_IN = "is sent to sign in"


@dataclass(frozen=True)
class Row:
    """How a route is asked, and what each actor ends at: a status, or the sign-in page. `others` are Charlie, Bob and Dora."""

    anonymous: int | str
    others: int
    alice: int | str
    dora: int | None = None
    bob: int | None = None
    method: str = "get"
    args: Callable[["Belongings"], list[Any]] = lambda _: []
    data: Callable[["Belongings"], dict[str, Any]] = lambda _: {}

    def expected(self, actor: str) -> int | str:
        given = {"anonymous": self.anonymous, "alice": self.alice, "dora": self.dora, "bob": self.bob}
        found = given.get(actor)
        return self.others if found is None else found


def open_page(status: int = 200) -> Row:
    return Row(anonymous=status, others=status, alice=status)


def of_workspace(*, bob: int, args: Callable[[Belongings], list[Any]] = lambda _: [], **data: Any) -> Row:
    """A form for Alice's workspace, which for Charlie and Dora does not exist."""
    filled = {"anonymous": SIGN_IN, "others": 404, "bob": bob, "alice": 200}
    return Row(**filled, method="post", args=args, data=lambda has: has.of_workspace(**data))  # type: ignore[arg-type]


def of_providers(**data: Any) -> Row:
    """A form about that provider."""
    return of_workspace(bob=403, args=lambda has: [provider_of(has)], **data)
