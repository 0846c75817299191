"""People, the workspaces they share, the part each one has in them, the keys of their programs, and what was done."""

from accounts.models.audit import AuditEntry
from accounts.models.invitations import Invitation
from accounts.models.keys import ApiKey
from accounts.models.people import Membership, SignInLink, User, UserManager, Workspace
from accounts.models.sessions import Session

__all__ = ["ApiKey", "AuditEntry", "Invitation", "Membership", "Session", "SignInLink", "User", "UserManager", "Workspace"]
