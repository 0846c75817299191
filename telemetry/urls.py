"""The pages of what is recorded."""

from django.urls import path

from telemetry.views import analytics, call, datasets, feedback, logs, overview, privacy, traces

urlpatterns = [
    path("analytics/", analytics.analytics_page, name="analytics"),
    path("analytics/<slug:name>.csv", analytics.analytics_csv, name="analytics_csv"),
    path("feedback/", feedback.feedback_page, name="feedback_list"),
    path("feedback/reveal/", feedback.reveal_feedback, name="reveal_feedback"),
    path("dashboards/", overview.overview_page, name="overview"),
    path("dashboards/charts/<slug:name>.csv", overview.chart_csv, name="chart_csv"),
    path("datasets/", datasets.datasets_page, name="datasets"),
    path("datasets/<uuid:dataset_id>/", datasets.dataset_page, name="dataset"),
    path("datasets/<uuid:dataset_id>/change/", datasets.change_dataset, name="change_dataset"),
    path("datasets/<uuid:dataset_id>/delete/", datasets.delete_dataset, name="delete_dataset"),
    path("datasets/<uuid:dataset_id>/add/", datasets.add_case, name="add_case"),
    path("datasets/<uuid:dataset_id>/import/", datasets.import_cases, name="import_cases"),
    path("datasets/<uuid:dataset_id>/export/", datasets.export_cases, name="export_cases"),
    path("datasets/<uuid:dataset_id>/cases/<uuid:case_id>/", datasets.case_page, name="case"),
    path("datasets/<uuid:dataset_id>/cases/<uuid:case_id>/delete/", datasets.delete_case, name="delete_case"),
    path("logs/", logs.logs_page, name="logs"),
    path("logs/shown/", logs.shown_logs, name="shown_logs"),
    path("logs/<uuid:inference_id>/case/", datasets.save_case, name="save_case"),
    path("settings/privacy/", privacy.privacy_page, name="privacy"),
    path("settings/privacy/try/", privacy.try_text, name="try_redaction"),
    path("settings/privacy/rules/add/", privacy.add_rule, name="add_rule"),
    path("settings/privacy/rules/<uuid:rule_id>/switch/", privacy.switch_rule, name="switch_rule"),
    path("settings/privacy/rules/<uuid:rule_id>/delete/", privacy.delete_rule, name="delete_rule"),
    path("logs/<uuid:inference_id>/", call.call_page, name="log"),
    path("logs/<uuid:inference_id>/reveal/", call.reveal_call, name="reveal_log"),
    path("logs/<uuid:inference_id>/delete/", call.delete_call, name="delete_log"),
    path("traces/<path:trace_id>/steps/<uuid:step_id>/", traces.step_page, name="trace_step"),
    path("traces/<path:trace_id>/steps/<uuid:step_id>/reveal/", traces.reveal_step, name="reveal_step"),
    path("traces/<path:trace_id>/", traces.trace_page, name="trace"),
]
