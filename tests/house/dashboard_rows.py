"""The access matrix of dashboards and figures."""

from tests.house.row import SIGN_IN, Row, open_page

ROWS: dict[str, Row] = {
    "analytics": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "analytics_csv": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200, args=lambda _: ["tokens"]),
    "api:product_analytics": open_page(401),
}
