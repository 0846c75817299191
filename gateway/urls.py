"""The settings pages of providers and models."""

from django.urls import URLPattern

app_name = "gateway"

urlpatterns: list[URLPattern] = []
