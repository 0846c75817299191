"""The settings pages of providers and models."""

from django.urls import path

from gateway.views import (
    alerts,
    aliases,
    budgets,
    evaluation,
    limits,
    models,
    picker,
    provider_acts,
    providers,
    webhooks,
    welcome,
)

app_name = "gateway"

urlpatterns = [
    path("providers/", providers.providers_page, name="providers"),
    path("add-provider/", providers.kinds, name="provider_kinds"),
    path("add-provider/<slug:kind>/", providers.add, name="add_provider"),
    path("providers/<slug:name>/", providers.change, name="provider"),
    path("providers/<slug:name>/test/", provider_acts.test, name="test_provider"),
    path("providers/<slug:name>/switch/", provider_acts.switch, name="switch_provider"),
    path("providers/<slug:name>/default/", provider_acts.make_default, name="default_provider"),
    path("providers/<slug:name>/allow/", provider_acts.allow, name="allow_provider"),
    path("providers/<slug:name>/delete/", providers.delete, name="delete_provider"),
    path("welcome/key/", welcome.key, name="welcome_key"),
    path("welcome/ollama/", welcome.ollama, name="welcome_ollama"),
    path("welcome/dismiss/", welcome.dismiss, name="welcome_dismiss"),
    path("budgets/", budgets.budgets_page, name="budgets"),
    path("budgets/<uuid:budget_id>/", budgets.budget, name="budget"),
    path("budgets/<uuid:budget_id>/delete/", budgets.delete_budget, name="delete_budget"),
    path("webhooks/", webhooks.webhooks_page, name="webhooks"),
    path("webhooks/<uuid:webhook_id>/", webhooks.webhook_page, name="webhook"),
    path("webhooks/<uuid:webhook_id>/secret/", webhooks.new_secret, name="webhook_secret"),
    path("webhooks/<uuid:webhook_id>/test/", webhooks.test_webhook, name="test_webhook"),
    path("webhooks/<uuid:webhook_id>/delete/", webhooks.delete_webhook, name="delete_webhook"),
    path("webhooks/<uuid:webhook_id>/<uuid:delivery_id>/", webhooks.delivery_page, name="delivery"),
    path("webhooks/<uuid:webhook_id>/<uuid:delivery_id>/send/", webhooks.send_again, name="send_again"),
    path("limits/", limits.limits_page, name="limits"),
    path("limits/<int:member_id>/", limits.person_limits, name="person_limits"),
    path("models/", models.models_page, name="models"),
    path("models/list/", picker.picker, name="picker"),
    path("models/one/", models.entry, name="model"),
    path("models/show/", models.show, name="show_model"),
    path("models/begin-with/", models.choose, name="choose_models"),
    path("models/refresh/", models.refresh, name="refresh_models"),
    path("models/short-names/", models.add_alias, name="add_alias"),
    path("models/short-names/<uuid:alias_id>/", aliases.alias, name="alias"),
    path("models/short-names/<uuid:alias_id>/comparison/", aliases.comparison, name="comparison"),
    path("models/short-names/<uuid:alias_id>/wake/", aliases.wake, name="wake_alias"),
    path("models/short-names/<uuid:alias_id>/forget/", aliases.forget_answers, name="forget_answers"),
    path("models/short-names/<uuid:alias_id>/delete/", models.delete_alias, name="delete_alias"),
]

# Not a setting: these stand beside the pages of what is recorded.
alert_patterns = [
    path("", alerts.alerts_page, name="alerts"),
    path("new/", alerts.new_alert, name="new_alert"),
    path("history/", alerts.alert_history, name="alert_history"),
    path("<uuid:rule_id>/", alerts.alert_page, name="alert"),
    path("<uuid:rule_id>/change/", alerts.change_alert, name="change_alert"),
    path("<uuid:rule_id>/test/", alerts.test_alert, name="test_alert"),
    path("<uuid:rule_id>/mute/", alerts.mute_alert, name="mute_alert"),
    path("<uuid:rule_id>/switch/", alerts.switch_alert, name="switch_alert"),
    path("<uuid:rule_id>/delete/", alerts.delete_alert, name="delete_alert"),
]

evaluation_patterns = [
    path("<uuid:dataset_id>/runs/", evaluation.evaluations_page, name="evaluations"),
    path("<uuid:dataset_id>/runs/<uuid:run_id>/", evaluation.evaluation_page, name="evaluation"),
    path("<uuid:dataset_id>/runs/<uuid:run_id>/delete/", evaluation.delete_evaluation, name="delete_evaluation"),
]
