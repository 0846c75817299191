"""Telemetry for the operator: the calls, what waits, what died, and which processes live."""

from telemetry.admin import calls, judgements, money, policies, queue, retention, steps

__all__ = ["calls", "judgements", "money", "policies", "queue", "retention", "steps"]
