import django.contrib.postgres.fields
from django.db import migrations, models

# As the log's: partitioned, its key holds the partition's column. Days are attached by telemetry.partitions.
SPAN = """
CREATE TABLE "span" (
    "id" uuid NOT NULL,
    "workspace_id" uuid NOT NULL,
    "received_at" timestamp with time zone NOT NULL,
    "kind" text NOT NULL,
    "name" text NULL,
    "status" text NOT NULL,
    "trace_id" text NULL,
    "span_id" text NULL,
    "parent_span_id" text NULL,
    "inference_id" uuid NULL,
    "session_id" text NULL,
    "conversation_id" uuid NULL,
    "user_id" uuid NULL,
    "api_key_id" uuid NULL,
    "end_user" text NULL,
    "source" text NULL,
    "error_class" text NULL,
    "error_code" text NULL,
    "error_message" text NULL,
    "started_at" timestamp with time zone NULL,
    "ended_at" timestamp with time zone NULL,
    "latency_ms" integer NULL,
    "environment" text NULL,
    "app" text NULL,
    "version" text NULL,
    "sdk_version" text NULL,
    "attributes" jsonb NULL,
    "arguments_preview" text NULL,
    "result_preview" text NULL,
    "payload_parts" jsonb NULL,
    "payload_refs" uuid[] NULL,
    "cut_fields" text[] NULL,
    "redaction_version" integer NULL,
    "deep_redacted_at" timestamp with time zone NULL,
    PRIMARY KEY ("workspace_id", "received_at", "id")
) PARTITION BY RANGE ("received_at");
CREATE INDEX "span_newest" ON "span" ("received_at", "id");
CREATE INDEX "span_trace" ON "span" ("trace_id") WHERE "trace_id" IS NOT NULL;
CREATE INDEX "span_call" ON "span" ("inference_id") WHERE "inference_id" IS NOT NULL;
CREATE INDEX "span_conversation" ON "span" ("conversation_id") WHERE "conversation_id" IS NOT NULL;
"""

# Where the log has a day, all have it: an installation that has days already gets them here.
DAYS = """
DO $$
DECLARE day record;
BEGIN
    FOR day IN
        SELECT replace(relname, 'inference_log_', 'span_') AS child, pg_get_expr(relpartbound, pg_class.oid) AS bound
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'inference_log'::regclass
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF "span" %s', day.child, day.bound);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [("telemetry", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(SPAN, reverse_sql='DROP TABLE "span"'),
                migrations.RunSQL(DAYS, reverse_sql=migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='Span',
                    fields=[
                        ('id', models.UUIDField(primary_key=True, serialize=False)),
                        ('workspace_id', models.UUIDField()),
                        ('received_at', models.DateTimeField()),
                        ('kind', models.TextField(choices=[('tool', 'tool'), ('agent', 'agent'), ('chain', 'chain'), ('retriever', 'retriever'), ('embedding', 'embedding'), ('other', 'other')])),
                        ('name', models.TextField(null=True)),
                        ('status', models.TextField(choices=[('success', 'success'), ('error', 'error'), ('canceled', 'canceled'), ('interrupted', 'interrupted')])),
                        ('trace_id', models.TextField(null=True, verbose_name='trace')),
                        ('span_id', models.TextField(null=True, verbose_name='span')),
                        ('parent_span_id', models.TextField(null=True, verbose_name='parent span')),
                        ('inference_id', models.UUIDField(null=True, verbose_name='call')),
                        ('session_id', models.TextField(null=True, verbose_name='session')),
                        ('conversation_id', models.UUIDField(null=True, verbose_name='conversation')),
                        ('user_id', models.UUIDField(null=True)),
                        ('api_key_id', models.UUIDField(null=True, verbose_name='API key')),
                        ('end_user', models.TextField(null=True)),
                        ('source', models.TextField(choices=[('chat', 'chat'), ('gateway', 'gateway'), ('sdk', 'sdk'), ('otlp', 'otlp'), ('litellm', 'litellm')], null=True)),
                        ('error_class', models.TextField(null=True)),
                        ('error_code', models.TextField(null=True)),
                        ('error_message', models.TextField(null=True)),
                        ('started_at', models.DateTimeField(null=True)),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('latency_ms', models.IntegerField(null=True)),
                        ('environment', models.TextField(null=True)),
                        ('app', models.TextField(null=True)),
                        ('version', models.TextField(null=True)),
                        ('sdk_version', models.TextField(null=True)),
                        ('attributes', models.JSONField(null=True)),
                        ('arguments_preview', models.TextField(null=True)),
                        ('result_preview', models.TextField(null=True)),
                        ('payload_parts', models.JSONField(null=True)),
                        ('payload_refs', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), null=True, size=None)),
                        ('cut_fields', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), null=True, size=None, verbose_name='cut, left out or withheld')),
                        ('redaction_version', models.IntegerField(null=True)),
                        ('deep_redacted_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'db_table': 'span',
                        'indexes': [models.Index(fields=['received_at', 'id'], name='span_newest'), models.Index(condition=models.Q(('trace_id__isnull', False)), fields=['trace_id'], name='span_trace'), models.Index(condition=models.Q(('inference_id__isnull', False)), fields=['inference_id'], name='span_call'), models.Index(condition=models.Q(('conversation_id__isnull', False)), fields=['conversation_id'], name='span_conversation')],
                        'constraints': [],
                    },
                ),
            ],
        ),
    ]
