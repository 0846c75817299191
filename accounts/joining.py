"""Making an account with an invitation: sign-up is closed otherwise."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from accounts import invitations
from accounts.models import Invitation, User

TAKEN = "There is an account with this address already. Sign in with it to join."


class JoinForm(forms.Form):
    """Name, address and password of who joins. An invitation for one address is taken with that address."""

    name = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    password = forms.CharField(
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters.",
    )

    def __init__(self, invitation: Invitation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        if invitation.email:
            self.fields["email"].disabled = True
            self.fields["email"].initial = invitation.email

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError(TAKEN, code="taken")
        return email

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("password"):
            try:
                validate_password(given["password"], User(email=given.get("email", ""), name=given.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return given


def make_account(form: JoinForm, *, now: datetime) -> User | None:
    """The new person, who has joined. None where somebody took the address meanwhile. Raises `invitations.Unusable`."""
    given = form.cleaned_data
    try:
        with transaction.atomic():
            is_meant = bool(form.invitation.email)  # else the address is what somebody typed: a provider's word must not open it
            names = {"name": given["name"], "date_joined": now, "email_confirmed": is_meant}
            user = User.objects.create_user(given["email"], given["password"], **names)
            invitations.accept(form.invitation, user, now=now)
    except IntegrityError:
        form.add_error("email", TAKEN)
        return None
    return user
