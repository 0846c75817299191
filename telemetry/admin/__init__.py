"""Telemetry for the operator: the calls, what waits, what died, and which processes live."""

from telemetry.admin import calls, money, queue, retention

__all__ = ["calls", "money", "queue", "retention"]
