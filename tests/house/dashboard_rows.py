"""The access matrix of dashboards and figures."""

from tests.house.row import Row

ROWS: dict[str, Row] = {}
