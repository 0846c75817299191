"""The access matrix of dashboards and figures."""

import uuid
from dataclasses import replace

from tests.house.row import SIGN_IN, Row, of_workspace, open_page

ROWS: dict[str, Row] = {
    "analytics": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "analytics_csv": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200, args=lambda _: ["tokens"]),
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
}
