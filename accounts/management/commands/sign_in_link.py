"""`manage.py sign_in_link --user EMAIL`: a way in for who has no password, or forgot it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.sign_in_links import make_link, public_address


class Command(BaseCommand):
    help = "Print a link that signs a person in, once, within 24 hours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="EMAIL")

    def handle(self, *_: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["user"].strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        if not user.is_active:
            raise CommandError(f"{user.email} is deactivated.")
        self.stdout.write(public_address(make_link(user, timezone.now())))
