"""The access matrix of calls, traces and sessions."""

from tests.house.row import Row

ROWS: dict[str, Row] = {}
