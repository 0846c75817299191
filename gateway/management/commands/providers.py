"""`manage.py providers`: the providers that are configured, and from where; keys by their last four characters."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from gateway import sources


class Command(BaseCommand):
    help = "List the providers that are configured."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", type=uuid.UUID, metavar="ID", help="what that one sees")

    def handle(self, *_: Any, **options: Any) -> None:
        rows = [("NAME", "KIND", "FROM", "THROUGH", "KEY", "ADDRESS")]
        for source in sources.configured(options["workspace"]).values():
            kind = source.kind
            rows.append((source.name, kind.name, source.origin, kind.adapter, source.key_hint, source.base_url or "its own"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
