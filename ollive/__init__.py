"""The project: settings, doors, processes. It assembles the apps and holds no business logic."""

from ollive.celery import app as celery_app

__all__ = ["celery_app"]
