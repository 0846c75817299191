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
    shape = forms.ChoiceField(
        label="As",
        required=False,
        choices=Webhook.Shape.choices,
        help_text="For Slack, take the address of an incoming webhook; Mattermost and Discord (with /slack) read the same.",
    )
    events = forms.MultipleChoiceField(
        label="Tell it of",
        choices=list(webhooks.EVENTS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def clean_shape(self) -> str:
        """A form that does not ask for it means what there was before."""
        return self.cleaned_data["shape"] or Webhook.Shape.SIGNED

    def refuse(self, error: webhooks.InvalidWebhook) -> None:
        self.add_error(error.field if error.field in self.fields else None, str(error))


class ChangeForm(WebhookForm):
    """The same of one that there is, which can be switched off."""

    is_enabled = forms.BooleanField(label="Send events", required=False)

    @classmethod
    def of(cls, webhook: Webhook) -> "ChangeForm":
        values = {
            "name": webhook.name,
            "url": webhook.url,
            "shape": webhook.shape,
            "events": webhook.events,
            "is_enabled": webhook.is_enabled,
        }
        return cls(initial=values)
