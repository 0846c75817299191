"""`manage.py models`: the model paths that a conversation may choose from; a star marks the one that new ones begin with."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from gateway import catalogue


class Command(BaseCommand):
    help = "List the model paths that are offered. Any other model of a configured provider can be typed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", type=uuid.UUID, metavar="ID", help="what that one sees")

    def handle(self, *_: Any, **options: Any) -> None:
        first = catalogue.default_path(options["workspace"])
        for choice in catalogue.models(options["workspace"]):
            self.stdout.write(f"{'*' if choice.path == first else ' '} {choice.path}")
