"""The pages of what is recorded."""

from django.urls import path

from telemetry.views import privacy

urlpatterns = [
    path("settings/privacy/", privacy.privacy_page, name="privacy"),
    path("settings/privacy/try/", privacy.try_text, name="try_redaction"),
    path("settings/privacy/rules/add/", privacy.add_rule, name="add_rule"),
    path("settings/privacy/rules/<uuid:rule_id>/switch/", privacy.switch_rule, name="switch_rule"),
    path("settings/privacy/rules/<uuid:rule_id>/delete/", privacy.delete_rule, name="delete_rule"),
]
