"""`manage.py prepare`: tables, partitions and the owner, before the first process serves. `manage.py up` does it by itself."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.sign_in_links import public_address
from ollive.up.failures import StartError
from ollive.up.preparation import prepare


class Command(BaseCommand):
    help = "Bring the tables up to date and make the owner, where each process runs in a container of its own."
    requires_system_checks = ()

    def handle(self, *_: Any, **_options: Any) -> None:
        try:
            outcome = prepare()
        except StartError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Ollive is prepared. Its owner is {outcome['email']}.")
        if path := outcome["sign_in_path"]:
            self.stdout.write(f"Sign in with this link; it works once, within 24 hours: {public_address(path)}")
