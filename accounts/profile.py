"""Who a person is here: their name, their address, and the clock that they live by."""

import zoneinfo
from functools import cache
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import User
from accounts.sign_in_links import public_address, revoke_links

TAKEN = "This address cannot be used here. Try another one."
CONFIRM_WITHIN = 24 * 3600
_SALT = "accounts.profile.email"


@cache
def zones() -> list[str]:
    """The places that people know, without the old names and the offsets that the tables keep too."""
    areas = {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific", "UTC"}
    return sorted(name for name in zoneinfo.available_timezones() if name.partition("/")[0] in areas)


def is_zone(name: str) -> bool:
    return name in zoneinfo.available_timezones()


class ProfileForm(forms.ModelForm[User]):
    """Only the form of an address is checked here; whether it may be taken is the view's to ask."""

    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"})
    )
    time_zone = forms.ChoiceField(
        label="Time zone",
        required=False,
        help_text="Chats are grouped by your day. Left to the browser, it is found out the next time you open a page.",
    )

    class Meta:
        model = User
        fields = ("name", "email", "time_zone")
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}  # noqa: RUF012 (as Django reads it)
        help_texts = {"name": "How pages and colleagues call you."}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(name, name.replace("_", " ")) for name in zones()]
        zone = self.instance.time_zone
        extra = [(zone, zone)] if zone and zone not in zones() else []
        self.fields["time_zone"].choices = [("", "As the browser says"), *extra, *known]  # type: ignore[attr-defined]
        self.address_before = self.instance.email

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def validate_unique(self) -> None:
        """Whether an address is taken is said only to who typed their password, and a few times: `take_address`."""

    @property
    def has_new_address(self) -> bool:
        return "email" in self.cleaned_data and self.cleaned_data["email"] != self.address_before

    def save_all_but_the_address(self) -> None:
        self.instance.email = self.address_before
        self.instance.save(update_fields=["name", "time_zone"])


def is_taken(email: str) -> bool:
    return User.objects.filter(email=email).exists()


def take_address(user: User, email: str, *, is_confirmed: bool) -> None:
    """Make the address the person's. Raises `ValueError` where somebody took it meanwhile."""
    before = user.email
    user.email, user.email_confirmed = email, is_confirmed
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "email_confirmed"])
            EmailAddress.objects.filter(user=user).delete()  # else the old one would still sign in
            revoke_links(user)
    except IntegrityError:
        user.email = before
        raise ValueError(TAKEN) from None
    changed = {"from_email": before, "to_email": email}
    get_adapter().send_notification_mail("account/email/email_changed", user, changed, email=before)


def ask_to_confirm(user: User, email: str) -> None:
    """Mail a link to the new address: it becomes the person's when they follow it."""
    token = signing.dumps([str(user.pk), user.email, email], salt=_SALT)
    link = public_address(reverse("confirm_email", args=[token]))
    if not settings.OLLIVE_PUBLIC_URL:
        link = get_adapter().request.build_absolute_uri(reverse("confirm_email", args=[token]))
    get_adapter().send_mail("account/email/new_address", email, {"user": user, "link": link})


def address_to_confirm(user: User, token: str) -> str | None:
    """The address that a link is for; None when it is old, of somebody else, or was used."""
    try:
        owner, before, email = signing.loads(token, salt=_SALT, max_age=CONFIRM_WITHIN)
    except (signing.BadSignature, ValueError):
        return None
    return str(email) if (owner, before) == (str(user.pk), user.email) else None


def note_zone(user: User, name: str) -> bool:
    """Keep what the browser says, unless the person has said something else. False for a name that is no zone."""
    if not is_zone(name):
        return False
    User.objects.filter(pk=user.pk, time_zone="").update(time_zone=name)
    return True


def set_preferences(user: User, chosen: dict[str, str]) -> None:
    """Keep these of the person's choices; the others stay as another device may just have set them."""
    with transaction.atomic():
        row = User.objects.select_for_update().only("preferences").get(pk=user.pk)
        row.preferences = user.preferences = {**row.preferences, **chosen}
        row.save(update_fields=["preferences"])
