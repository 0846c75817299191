"""`manage.py create_user EMAIL`: add a person to a workspace and print the link that lets them in."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, User, Workspace
from accounts.sign_in_links import make_link, public_address


class Command(BaseCommand):
    help = "Add a person without a password, and print the link with which they sign in and choose one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--role", choices=Membership.Role.values, default=Membership.Role.MEMBER.value)
        parser.add_argument("--workspace", type=uuid.UUID, metavar="ID", help="The first one, unless given.")
        parser.add_argument("--operator", action="store_true", help="May open the admin, with the permissions given there.")

    @transaction.atomic
    def handle(self, *_: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"{email} is not an e-mail address.") from error
        if User.objects.filter(email=email).exists():
            raise CommandError(f"There is a user {email} already.")
        workspaces = Workspace.objects.order_by("created_at")
        chosen = options["workspace"]
        workspace = (workspaces.filter(id=chosen) if chosen else workspaces).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {chosen}." if chosen else "There is no workspace yet: make run makes one.")
        user = User.objects.create_user(email, name=options["name"], is_staff=options["operator"])
        Membership.objects.create(user=user, workspace=workspace, role=options["role"])
        self.stdout.write(public_address(make_link(user, timezone.now())))
