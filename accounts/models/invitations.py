"""Invitations into a workspace."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.people import Membership, User, Workspace


class Invitation(models.Model):
    """A link that lets people join a workspace with a role. Only its SHA-256 is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=Membership.Role.choices, default=Membership.Role.MEMBER)
    email = models.EmailField("for", blank=True, help_text="Empty: for whoever has the link.")
    token_sha256 = models.CharField(max_length=64, unique=True)
    max_uses = models.PositiveSmallIntegerField(default=1)
    use_count = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(use_count__lte=models.F("max_uses")), name="invitation_used_as_allowed"),
        ]

    def __str__(self) -> str:
        return f"invitation to {self.workspace} as {self.role}"
