"""The installation's owner, without whom nobody could sign in."""

from django.db import connection, transaction

from accounts.models import Membership, User, Workspace

DEFAULT_EMAIL = "owner@localhost"
FIRST_WORKSPACE = "My workspace"
_LOCK = 0x0111_0E01  # any number of our own, for the advisory lock


@transaction.atomic
def ensure_owner(email: str | None, password: str | None) -> tuple[User, bool]:
    """The owner, and whether this call made them. Calling it again, or twice at once, changes nothing.

    Without an address any owner will do, and where there is none `owner@localhost` is made. A password is taken for a
    person who has none yet; one that was set is never overwritten.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    address = (email or "").strip().lower()
    found = (None if address else _first_owner()) or User.objects.filter(email=address or DEFAULT_EMAIL).first()
    owner = found or User.objects.create_superuser(address or DEFAULT_EMAIL, password or None)
    if password and not owner.has_usable_password():
        owner.set_password(password)
        owner.save(update_fields=["password"])
    if not (owner.is_staff and owner.is_superuser):
        owner.is_staff = owner.is_superuser = True
        owner.save(update_fields=["is_staff", "is_superuser"])
    if not owner.memberships.filter(role=Membership.Role.OWNER).exists():
        first = Workspace.objects.filter(deleted_at=None).order_by("created_at").first()
        workspace = first or Workspace.objects.create(name=FIRST_WORKSPACE)
        Membership.objects.update_or_create(user=owner, workspace=workspace, defaults={"role": Membership.Role.OWNER})
    return owner, found is None


def _first_owner() -> User | None:
    return User.objects.filter(is_superuser=True, is_active=True).order_by("date_joined", "pk").first()
