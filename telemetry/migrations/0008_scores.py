import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0007_feed")]

    operations = [
        migrations.CreateModel(
            name="Score",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("inference_id", models.UUIDField(null=True)),
                ("trace_id", models.TextField(db_default="")),
                ("conversation_id", models.UUIDField(null=True)),
                ("message_id", models.UUIDField(null=True)),
                ("user_id", models.UUIDField(help_text="Who judged; nobody for a program's or an evaluation's own.", null=True)),
                ("source", models.TextField(choices=[("person", "Person"), ("api", "Api"), ("evaluation", "Evaluation")])),
                ("name", models.TextField(help_text="What was judged: thumb, rating, reason, helpfulness, …")),
                (
                    "kind",
                    models.TextField(
                        choices=[("numeric", "Numeric"), ("boolean", "Boolean"), ("category", "Category"), ("text", "Text")]
                    ),
                ),
                ("value", models.FloatField(help_text="The number; 1 or 0 for yes or no.", null=True)),
                ("label", models.TextField(db_default="", help_text="The word, where it is a category.")),
                ("comment", models.TextField(db_default="")),
                ("redaction_version", models.IntegerField(db_default=0, help_text="Of the comment.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "telemetry_score",
                "indexes": [
                    models.Index(fields=["workspace_id", "created_at"], name="score_when"),
                    models.Index(condition=models.Q(("inference_id__isnull", False)), fields=["inference_id"], name="score_call"),
                    models.Index(
                        condition=models.Q(("conversation_id__isnull", False)), fields=["conversation_id"], name="score_chat"
                    ),
                    models.Index(condition=models.Q(("user_id__isnull", False)), fields=["user_id"], name="score_user"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("message_id__isnull", False), ("source", "person")),
                        fields=("message_id", "user_id", "name", "label"),
                        name="one_judgement_a_person",
                    )
                ],
            },
        ),
    ]
