"""The Celery application. It carries wake-ups and the clock's ticks; records never travel through it."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")

app = Celery("ollive")
app.set_default()  # for every thread: without it another thread than this one's would ask a broker of Celery's own choice
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
