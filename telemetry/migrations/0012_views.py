import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_limits"),
        ("telemetry", "0011_dashboards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkJob",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("delete", "Delete"), ("export", "Export"), ("redact", "Redact again")], max_length=10
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting for a worker"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("query", models.TextField(blank=True, help_text="The list whose calls are meant, where none were chosen.")),
                ("calls", models.JSONField(default=list, help_text="The keys of those that were chosen.")),
                ("format", models.CharField(blank=True, max_length=10)),
                ("has_content", models.BooleanField(default=False)),
                ("total_count", models.IntegerField(null=True)),
                ("done_count", models.IntegerField(default=0)),
                ("changed_count", models.IntegerField(default=0)),
                ("byte_count", models.BigIntegerField(default=0)),
                ("cursor", models.TextField(blank=True)),
                ("problem", models.TextField(blank=True)),
                ("failure_count", models.IntegerField(default=0, help_text="Slices begun since the last one that was finished.")),
                ("leased_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "person",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "workspace",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.workspace"),
                ),
            ],
            options={
                "db_table": "telemetry_bulk_job",
            },
        ),
        migrations.CreateModel(
            name="BulkPiece",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("body", models.BinaryField()),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="pieces", to="telemetry.bulkjob"),
                ),
            ],
            options={
                "db_table": "telemetry_bulk_piece",
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("query", models.TextField(help_text="The list's address, from its question mark on.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.workspace"),
                ),
            ],
            options={
                "db_table": "telemetry_saved_view",
            },
        ),
        migrations.AddIndex(
            model_name="bulkjob",
            index=models.Index(condition=models.Q(("ended_at__isnull", True)), fields=["leased_until"], name="bulk_job_open"),
        ),
        migrations.AddIndex(
            model_name="bulkjob",
            index=models.Index(fields=["workspace", "person", "created_at"], name="bulk_job_of_person"),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                fields=("workspace", "owner", "name"), name="one_saved_view_of_a_name", nulls_distinct=False
            ),
        ),
    ]
