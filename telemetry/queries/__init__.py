"""Reads of the log that stay quick at any number of rows: one function a chart, a table or a list, returning dataclasses."""

from telemetry.queries.columns import Column, distinct_values, estimated_row_count

__all__ = ["Column", "distinct_values", "estimated_row_count"]
