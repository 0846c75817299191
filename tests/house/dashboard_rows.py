"""The access matrix of dashboards and figures."""

import uuid
from dataclasses import replace

from django.core.files.uploadedfile import SimpleUploadedFile

from telemetry.models import Dashboard
from tests.house.belongings import Belongings
from tests.house.row import SIGN_IN, Row, of_workspace, open_page

PANEL = "first"


def board_of(has: Belongings) -> uuid.UUID:
    """A dashboard of Alice's own."""
    chat = has.conversation
    values = {"panels": [{"id": PANEL, "kind": "number", "figure": "calls", "title": "secret plan"}]}
    return Dashboard.objects.get_or_create(workspace=chat.workspace, owner=chat.owner, title="secret plan", defaults=values)[0].pk


def panel_of(has: Belongings) -> list[uuid.UUID | str]:
    return [board_of(has), PANEL]


OF_A_BOARD = Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda has: [board_of(has)])
ROWS: dict[str, Row] = {
    "analytics": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "analytics_csv": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200, args=lambda _: ["tokens"]),
    "overview": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "chart_csv": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200, args=lambda _: ["requests"]),
    "api:product_analytics": open_page(401),
    "feedback_list": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "reveal_feedback": of_workspace(bob=403),
    "api:list_dashboards": open_page(401),
    "api:make_dashboard": replace(open_page(401), method="post"),
    **{
        f"api:{name}": replace(open_page(401), method=method, args=lambda _: [uuid.UUID(int=1)])
        for name, method in {
            "get_dashboard": "get",
            "change_dashboard": "patch",
            "delete_dashboard": "delete",
            "dashboard_data": "get",
        }.items()
    },
    "boards": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "import_board": replace(
        of_workspace(bob=200),
        data=lambda has: has.of_workspace(file=SimpleUploadedFile("board.json", b'{"title": "Ours"}')),
    ),
    "board": OF_A_BOARD,
    "change_board": OF_A_BOARD,
    "export_board": OF_A_BOARD,
    "add_panel": OF_A_BOARD,
    "change_panel": replace(OF_A_BOARD, args=panel_of),
    "panel_csv": replace(OF_A_BOARD, args=panel_of),
    "copy_board": of_workspace(bob=404, args=lambda has: [board_of(has)]),
    "share_board": of_workspace(bob=403, args=lambda has: [board_of(has)], shared="yes"),  # he shares nothing, whatever it is
    "delete_board": of_workspace(bob=404, args=lambda has: [board_of(has)]),
    "move_panel": of_workspace(bob=404, args=panel_of, where="up"),
    "size_panel": of_workspace(bob=404, args=panel_of, width="half", height="tall"),
    "copy_panel": of_workspace(bob=404, args=panel_of),
    "delete_panel": of_workspace(bob=404, args=panel_of),
}
