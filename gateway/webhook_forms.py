"""The forms of the pages of webhooks."""

from typing import Any

from django import forms

from gateway import webhooks
from gateway.models import Webhook


class WebhookForm(forms.Form):
    """Where events go, and which."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"placeholder": "the on-call bot"}))
    url = forms.CharField(
        label="Address",
        max_length=webhooks.LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/ollive", "autocapitalize": "off"}),
        help_text="Events are sent there by POST, as JSON.",
    )
    events = forms.MultipleChoiceField(
        label="Tell it of",
        choices=list(webhooks.EVENTS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def refuse(self, error: webhooks.InvalidWebhook) -> None:
        self.add_error(error.field if error.field in self.fields else None, str(error))


class ChangeForm(WebhookForm):
    """The same of one that there is, which can be switched off."""

    is_enabled = forms.BooleanField(label="Send events", required=False)

    @classmethod
    def of(cls, webhook: Webhook) -> "ChangeForm":
        values = {"name": webhook.name, "url": webhook.url, "events": webhook.events, "is_enabled": webhook.is_enabled}
        return cls(initial=values)
