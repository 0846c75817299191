from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0013_datasets")]

    operations = [
        migrations.CreateModel(
            name="HealthSample",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("taken_at", models.DateTimeField()),
                ("oldest_seconds", models.FloatField()),
                ("pending_count", models.BigIntegerField()),
                ("dead_count", models.BigIntegerField()),
            ],
            options={
                "db_table": "telemetry_health",
                "indexes": [models.Index(fields=["taken_at"], name="health_by_time")],
            },
        ),
    ]
