"""`manage.py serve`: the web process alone, where it runs in a container of its own. `manage.py up` starts everything."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ollive.up import web
from ollive.up.doors import open_door
from ollive.up.failures import StartError


class Command(BaseCommand):
    help = "Serve the pages on OLLIVE_HOST and OLLIVE_PORT, until SIGTERM. Set OLLIVE_PROCESS=web for its database pool."
    requires_system_checks = ()

    def handle(self, *_: Any, **_options: Any) -> None:
        try:
            door = open_door()
        except StartError as error:
            raise CommandError(str(error)) from None
        web.serve(door.detach())
