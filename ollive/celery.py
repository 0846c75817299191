"""The Celery application. It carries wake-ups and the clock's ticks; records never travel through it."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")

app = Celery("ollive")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
