"""Telemetry for the operator: the calls, what waits, what died, and which processes live."""

from telemetry.admin import calls, money, policies, queue, retention

__all__ = ["calls", "money", "policies", "queue", "retention"]
