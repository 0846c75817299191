"""Adds the prices that this release of Ollive and LiteLLM brings, where they are new or have changed."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from telemetry import prices


class Command(BaseCommand):
    """Every start does it too."""

    help = "Load the built-in prices. Nothing is changed: a new price is a new row, from today on."

    def handle(self, **options: Any) -> None:
        added = prices.load(datetime.now(UTC))
        self.stdout.write(f"{added} prices added." if added else f"The prices of {prices.release()} are loaded.")
