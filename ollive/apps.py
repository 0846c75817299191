"""Django's registration of the app."""

import os
import threading
from importlib import import_module

from django.apps import AppConfig

CELERY = "ollive.celery"
LATER_SECONDS = 5.0


class OlliveConfig(AppConfig):
    name = "ollive"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make our Celery application the one that tasks belong to.

        The web process only wakes the worker, and what it does not wake, beat does: there it is loaded when pages are served.
        """
        if os.environ.get("OLLIVE_PROCESS") == "web":
            later = threading.Timer(LATER_SECONDS, import_module, [CELERY])
            later.daemon = True
            later.start()
        else:
            import_module(CELERY)
