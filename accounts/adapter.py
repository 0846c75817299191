"""What Ollive decides about allauth: nobody signs up alone; people are made by the operator or by an owner."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """The account rules."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
