"""The access matrix of datasets and scores."""

from tests.house.row import Row

ROWS: dict[str, Row] = {}
