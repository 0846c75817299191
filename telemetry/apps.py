"""Django's registration of the app."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_login_failed
from django.core import checks


class TelemetryConfig(AppConfig):
    name = "telemetry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from telemetry.checks import check_deep_model  # models are loaded by now, not before

        checks.register(check_deep_model)
        user_login_failed.connect(note_failed_sign_in, dispatch_uid="telemetry.auth_failed")


def note_failed_sign_in(**_given: Any) -> None:
    """A product event. Whom it was meant for is not known: nobody has proved to be them."""
    from telemetry import product_events  # models are loaded by now, not before

    product_events.note(product_events.Name.AUTH_FAILED, None, detail="password")
