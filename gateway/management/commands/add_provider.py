"""`manage.py add_provider NAME --kind KIND --key-stdin`: store a provider, or change the one of that name."""

import sys
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import Workspace
from gateway import directory, providers, sources


class Command(BaseCommand):
    help = "Store a provider, or change the one of that name. Its models get the paths NAME/<model>."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the first part of its model paths")
        parser.add_argument(
            "--kind", help=f"{', '.join(directory.kinds())}, or another name that LiteLLM knows; NAME, unless given"
        )
        parser.add_argument("--base-url", default="", metavar="URL", help="where it is, if not at the kind's own address")
        parser.add_argument("--model", action="append", default=[], metavar="M", help="a model to offer; may be given again")
        parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="such as api_version=2025-01-01")
        parser.add_argument("--workspace", type=uuid.UUID, metavar="ID", help="for that one alone; for all, unless given")
        parser.add_argument("--key-stdin", action="store_true", help="read the key from standard input")

    @transaction.atomic
    def handle(self, *_: Any, **options: Any) -> None:
        pairs = [pair.partition("=") for pair in options["option"]]
        if not all(separator for _, separator, _ in pairs):
            raise CommandError("An option is NAME=VALUE.")
        workspace = Workspace.objects.filter(id=options["workspace"]).first()
        if options["workspace"] and workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']}.")
        try:
            provider = providers.add_provider(
                options["name"],
                options["kind"] or options["name"],
                api_key=sys.stdin.readline().strip() if options["key_stdin"] else "",
                base_url=options["base_url"],
                model_names=options["model"],
                options={name: value for name, _, value in pairs},
                workspace=workspace,
                is_trusted=True,
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        source = sources.of_row(provider)
        assert source is not None
        self.stdout.write(f"{provider.name}: {source.kind.label}, {source.base_url or 'its own address'}, key {source.key_hint}")
