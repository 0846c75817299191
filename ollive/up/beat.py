"""Celery's beat without Django's apps: it sends names of tasks at their times, and needs half the memory so."""

import os
import sys

from celery import Celery
from django.conf import settings
from django.utils.log import configure_logging


def main(schedule: str) -> None:
    """Tick until SIGTERM; `schedule` is the file that remembers what was sent when."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    app = Celery("ollive", fixups=[])
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.Beat(schedule=schedule, quiet=True, redirect_stdouts=False).run()


if __name__ == "__main__":
    main(sys.argv[1])
