import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0008_alerts"),
        ("telemetry", "0013_datasets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Evaluation",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "model_paths",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), size=None),
                ),
                (
                    "scorers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=1000), blank=True, default=list, size=None
                    ),
                ),
                ("judge", models.CharField(blank=True, max_length=300)),
                ("parameters", models.JSONField(blank=True, default=dict)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("case_count", models.PositiveIntegerField()),
                ("min_score", models.FloatField(null=True)),
                (
                    "is_good",
                    models.BooleanField(help_text="Whether every model reached the score that was asked for.", null=True),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "running"), ("complete", "complete"), ("stopped", "stopped")],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("stopped_because", models.TextField(blank=True)),
                ("user_id", models.UUIDField(null=True)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="evaluations", to="telemetry.dataset"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EvaluationResult",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("model", models.CharField(max_length=300)),
                ("inference_id", models.UUIDField(null=True)),
                ("output", models.TextField(blank=True)),
                ("error", models.TextField(blank=True)),
                ("marks", models.JSONField(default=list)),
                ("score", models.FloatField(null=True)),
                ("is_passed", models.BooleanField(null=True)),
                ("latency_ms", models.PositiveIntegerField(null=True)),
                ("ttft_ms", models.PositiveIntegerField(null=True)),
                ("prompt_tokens", models.PositiveIntegerField(null=True)),
                ("completion_tokens", models.PositiveIntegerField(null=True)),
                ("cost_usd", models.DecimalField(decimal_places=10, max_digits=20, null=True)),
                (
                    "case",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="results", to="telemetry.case"),
                ),
                (
                    "evaluation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="results", to="gateway.evaluation"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="evaluation",
            index=models.Index(fields=["dataset", "-started_at", "-id"], name="evaluations_of_dataset"),
        ),
        migrations.AddConstraint(
            model_name="evaluationresult",
            constraint=models.UniqueConstraint(fields=("evaluation", "case", "model"), name="a_case_is_asked_once"),
        ),
    ]
