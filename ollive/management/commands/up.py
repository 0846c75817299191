"""`manage.py up`: start Ollive with every server it needs, and keep it running until Ctrl-C."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from ollive.up import supervisor


class Command(BaseCommand):
    help = "Start Ollive with every server it needs, and keep it running until Ctrl-C. Its settings are listed in .env.example."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        sys.exit(supervisor.main())
