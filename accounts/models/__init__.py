"""People, the workspaces they share, the part each one has in them, and the keys that their programs come with."""

from accounts.models.keys import ApiKey
from accounts.models.people import Membership, SignInLink, User, UserManager, Workspace

__all__ = ["ApiKey", "Membership", "SignInLink", "User", "UserManager", "Workspace"]
