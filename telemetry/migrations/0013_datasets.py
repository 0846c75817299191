import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_limits"),
        ("telemetry", "0012_views"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dataset",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, max_length=500)),
                ("made_by", models.UUIDField(editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "workspace",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.workspace"),
                ),
            ],
            options={
                "db_table": "telemetry_dataset",
            },
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("name", models.CharField(blank=True, max_length=100)),
                ("messages", models.JSONField(help_text="As a model is asked: [{role, content}, …].")),
                ("expected", models.TextField(blank=True)),
                (
                    "scorers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=1000), blank=True, default=list, size=None
                    ),
                ),
                (
                    "digest",
                    models.CharField(help_text="Of what it says: the same case is not in a dataset twice.", max_length=64),
                ),
                ("inference_id", models.UUIDField(null=True)),
                ("user_id", models.UUIDField(null=True)),
                ("end_user", models.TextField(null=True)),
                ("saved_by", models.UUIDField(null=True)),
                ("redaction_version", models.IntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "dataset",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="cases", to="telemetry.dataset"),
                ),
            ],
            options={
                "db_table": "telemetry_case",
            },
        ),
        migrations.AddConstraint(
            model_name="dataset",
            constraint=models.UniqueConstraint(
                models.F("workspace"), django.db.models.functions.text.Lower("name"), name="one_dataset_a_name"
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["dataset", "created_at", "id"], name="case_in_order"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(condition=models.Q(("user_id__isnull", False)), fields=["user_id"], name="case_of_user"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("end_user__isnull", False)), fields=["workspace_id", "end_user"], name="case_of_end_user"
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(fields=("dataset", "digest"), name="a_case_is_there_once"),
        ),
    ]
