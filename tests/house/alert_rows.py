"""The access matrix of alerts."""

from tests.house.row import Row

ROWS: dict[str, Row] = {}
