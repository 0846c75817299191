"""Every door, and the app behind it."""

from django.contrib import admin
from django.urls import include, path

from gateway.urls import alert_patterns, evaluation_patterns
from ollive import api, documents, health, metrics

handler500 = "ollive.outages.broken"

urlpatterns = [
    path("health", health.health, name="health"),
    path("healthz", health.health, name="healthz"),
    path("ready", health.ready, name="ready"),
    path("metrics", metrics.page, name="metrics"),
    path("openapi.json", documents.openapi, name="openapi"),
    path("docs", documents.swagger, name="docs"),
    path("redoc", documents.redoc, name="redoc"),
    path("api/v1/", api.urls()),
    path("", include("accounts.urls")),
    path("", include("telemetry.urls")),
    path("settings/", include("gateway.urls")),
    path("alerts/", include(alert_patterns)),
    path("datasets/", include(evaluation_patterns)),
    path("admin/", admin.site.urls),
    path("", include("chat.urls")),
]
