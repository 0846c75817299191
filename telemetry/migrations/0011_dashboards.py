import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_limits"),
        ("telemetry", "0010_variants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Dashboard",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, max_length=500)),
                (
                    "window",
                    models.CharField(
                        default="7d", help_text="What it shows when no other is chosen.", max_length=8, verbose_name="period"
                    ),
                ),
                ("panels", models.JSONField(default=list, help_text="In order: `telemetry.panels.Panel`.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dashboards",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dashboards", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "telemetry_dashboard",
                "indexes": [models.Index(fields=["workspace", "created_at", "id"], name="dashboards_of_workspace")],
            },
        ),
    ]
