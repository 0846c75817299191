"""Django's registration of the app."""

from django.apps import AppConfig


class OlliveConfig(AppConfig):
    name = "ollive"
    default_auto_field = "django.db.models.BigAutoField"
