"""Django's registration of the app."""

from django.apps import AppConfig

from ollive.celery import app as celery_app

__all__ = ["OlliveConfig", "celery_app"]  # Celery's tasks belong to the app that is imported first


class OlliveConfig(AppConfig):
    name = "ollive"
    default_auto_field = "django.db.models.BigAutoField"
