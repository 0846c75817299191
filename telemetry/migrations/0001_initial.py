import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

# Django can't say PARTITION BY, and a partitioned table's key must hold the partition's column: these two are made in SQL,
# and the state has the models. Days are attached by telemetry.partitions.
INFERENCE_LOG = """
CREATE TABLE "inference_log" (
    "id" uuid NOT NULL,
    "workspace_id" uuid NOT NULL,
    "received_at" timestamp with time zone NOT NULL,
    "phases" smallint NOT NULL,
    "status" text NOT NULL,
    "trace_id" text NULL,
    "span_id" text NULL,
    "parent_span_id" text NULL,
    "session_id" text NULL,
    "conversation_id" uuid NULL,
    "message_id" uuid NULL,
    "user_id" uuid NULL,
    "api_key_id" uuid NULL,
    "end_user" text NULL,
    "source" text NULL,
    "process_id" uuid NULL,
    "operation" text NULL,
    "requested_model" text NULL,
    "provider" text NULL,
    "model" text NULL,
    "served_model" text NULL,
    "parameters" jsonb NULL,
    "is_stream" boolean NULL,
    "attempt" integer NULL,
    "fallback_of" uuid NULL,
    "error_class" text NULL,
    "error_code" text NULL,
    "error_message" text NULL,
    "finish_reason" text NULL,
    "started_at" timestamp with time zone NULL,
    "first_token_at" timestamp with time zone NULL,
    "ended_at" timestamp with time zone NULL,
    "latency_ms" integer NULL,
    "ttft_ms" integer NULL,
    "tokens_per_second" double precision NULL,
    "token_times_ms" integer[] NULL,
    "input_tokens" integer NULL,
    "cache_read_tokens" integer NULL,
    "cache_write_tokens" integer NULL,
    "output_tokens" integer NULL,
    "reasoning_tokens" integer NULL,
    "delivered_tokens" integer NULL,
    "usage" jsonb NULL,
    "usage_source" text NULL,
    "cost_usd" numeric(20, 12) NULL,
    "price_id" text NULL,
    "reported_cost_usd" numeric(20, 12) NULL,
    "tags" text[] NULL,
    "metadata" jsonb NULL,
    "environment" text NULL,
    "app" text NULL,
    "version" text NULL,
    "sdk_version" text NULL,
    "input_preview" text NULL,
    "output_preview" text NULL,
    "payload_parts" jsonb NULL,
    "payload_refs" uuid[] NULL,
    "raw_payload_uri" text NULL,
    "cut_fields" text[] NULL,
    "redaction_version" integer NULL,
    "deep_redacted_at" timestamp with time zone NULL,
    PRIMARY KEY ("workspace_id", "received_at", "id")
) PARTITION BY RANGE ("received_at");
CREATE INDEX "log_newest" ON "inference_log" ("received_at", "id");
CREATE INDEX "log_id" ON "inference_log" ("id");
CREATE INDEX "log_status" ON "inference_log" ("status", "received_at", "id");
CREATE INDEX "log_source" ON "inference_log" ("source", "received_at", "id");
CREATE INDEX "log_provider" ON "inference_log" ("provider", "received_at", "id");
CREATE INDEX "log_model" ON "inference_log" ("model", "received_at", "id");
CREATE INDEX "log_user" ON "inference_log" ("user_id", "received_at", "id") WHERE "user_id" IS NOT NULL;
CREATE INDEX "log_conversation" ON "inference_log" ("conversation_id") WHERE "conversation_id" IS NOT NULL;
CREATE INDEX "log_trace" ON "inference_log" ("trace_id") WHERE "trace_id" IS NOT NULL;
CREATE INDEX "log_open" ON "inference_log" ("process_id") WHERE "status" = 'in_progress';
"""

PAYLOAD = """
CREATE TABLE "payload" (
    "day" date NOT NULL,
    "workspace_id" uuid NOT NULL,
    "digest" uuid NOT NULL,
    "form" smallint NOT NULL,
    "body" text NOT NULL,
    PRIMARY KEY ("day", "workspace_id", "digest")
) PARTITION BY RANGE ("day");
"""

# A queue turns over wholly between two vacuums that wait for a share of its size.
QUEUE = """
ALTER TABLE "telemetry_inbox" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='DeadLetter',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('workspace_id', models.UUIDField()),
                ('inference_id', models.UUIDField()),
                ('event_id', models.TextField()),
                ('body', models.TextField()),
                ('received_at', models.DateTimeField()),
                ('attempt_count', models.SmallIntegerField()),
                ('error', models.TextField()),
                ('died_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'telemetry_dead_letter',
                'permissions': [('retry_deadletter', 'Can retry dead letters')],
            },
        ),
        migrations.CreateModel(
            name='InferenceKey',
            fields=[
                ('pk', models.CompositePrimaryKey('workspace_id', 'inference_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('workspace_id', models.UUIDField()),
                ('inference_id', models.UUIDField()),
                ('received_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'inference_key',
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(PAYLOAD, reverse_sql='DROP TABLE "payload"')],
            state_operations=[
                migrations.CreateModel(
                    name='Payload',
                    fields=[
                        ('pk', models.CompositePrimaryKey('day', 'workspace_id', 'digest', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('day', models.DateField()),
                        ('workspace_id', models.UUIDField()),
                        ('digest', models.UUIDField()),
                        ('form', models.SmallIntegerField(choices=[(0, 'Content'), (1, 'Digests')])),
                        ('body', models.TextField()),
                    ],
                    options={
                        'db_table': 'payload',
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name='Process',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('host', models.TextField()),
                ('pid', models.IntegerField()),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('beat_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='last heartbeat')),
            ],
            options={
                'verbose_name_plural': 'processes',
                'db_table': 'telemetry_process',
            },
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('reason', models.TextField(db_default='')),
                ('received_count', models.BigIntegerField(db_default=0)),
                ('duplicate_count', models.BigIntegerField(db_default=0)),
                ('rejected_count', models.BigIntegerField(db_default=0)),
                ('stored_count', models.BigIntegerField(db_default=0)),
                ('erased_count', models.BigIntegerField(db_default=0)),
            ],
            options={
                'verbose_name_plural': 'tallies',
                'db_table': 'telemetry_tally',
            },
        ),
        migrations.CreateModel(
            name='UnlinkedConversation',
            fields=[
                ('pk', models.CompositePrimaryKey('workspace_id', 'conversation_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('workspace_id', models.UUIDField()),
                ('conversation_id', models.UUIDField()),
                ('unlinked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'telemetry_unlinked',
            },
        ),
        migrations.CreateModel(
            name='InboxEvent',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('workspace_id', models.UUIDField()),
                ('inference_id', models.UUIDField()),
                ('event_id', models.TextField()),
                ('body', models.TextField()),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('attempt_count', models.SmallIntegerField(db_default=0)),
                ('available_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='not before')),
                ('error', models.TextField(null=True, verbose_name='last error')),
            ],
            options={
                'verbose_name': 'waiting event',
                'db_table': 'telemetry_inbox',
                'constraints': [models.UniqueConstraint(fields=('workspace_id', 'event_id'), name='one_event_waits_once')],
            },
        ),
        migrations.RunSQL(QUEUE, reverse_sql=migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(INFERENCE_LOG, reverse_sql='DROP TABLE "inference_log"')],
            state_operations=[
                migrations.CreateModel(
                    name='InferenceLog',
                    fields=[
                        ('id', models.UUIDField(primary_key=True, serialize=False, verbose_name='inference id')),
                        ('workspace_id', models.UUIDField()),
                        ('received_at', models.DateTimeField()),
                        ('phases', models.SmallIntegerField()),
                        ('status', models.TextField(choices=[('in_progress', 'in progress'), ('success', 'success'), ('error', 'error'), ('canceled', 'canceled'), ('interrupted', 'interrupted')])),
                        ('trace_id', models.TextField(null=True, verbose_name='trace')),
                        ('span_id', models.TextField(null=True, verbose_name='span')),
                        ('parent_span_id', models.TextField(null=True, verbose_name='parent span')),
                        ('session_id', models.TextField(null=True, verbose_name='session')),
                        ('conversation_id', models.UUIDField(null=True, verbose_name='conversation')),
                        ('message_id', models.UUIDField(null=True, verbose_name='message')),
                        ('user_id', models.UUIDField(null=True)),
                        ('api_key_id', models.UUIDField(null=True, verbose_name='API key')),
                        ('end_user', models.TextField(null=True)),
                        ('source', models.TextField(choices=[('chat', 'chat'), ('gateway', 'gateway'), ('sdk', 'sdk'), ('otlp', 'otlp'), ('litellm', 'litellm')], null=True)),
                        ('process_id', models.UUIDField(null=True)),
                        ('operation', models.TextField(null=True)),
                        ('requested_model', models.TextField(null=True, verbose_name='model asked for')),
                        ('provider', models.TextField(null=True)),
                        ('model', models.TextField(null=True)),
                        ('served_model', models.TextField(null=True, verbose_name='model served')),
                        ('parameters', models.JSONField(null=True)),
                        ('is_stream', models.BooleanField(null=True)),
                        ('attempt', models.IntegerField(null=True)),
                        ('fallback_of', models.UUIDField(null=True)),
                        ('error_class', models.TextField(null=True)),
                        ('error_code', models.TextField(null=True)),
                        ('error_message', models.TextField(null=True)),
                        ('finish_reason', models.TextField(null=True)),
                        ('started_at', models.DateTimeField(null=True)),
                        ('first_token_at', models.DateTimeField(null=True)),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('latency_ms', models.IntegerField(null=True)),
                        ('ttft_ms', models.IntegerField(null=True)),
                        ('tokens_per_second', models.FloatField(null=True)),
                        ('token_times_ms', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None)),
                        ('input_tokens', models.IntegerField(null=True)),
                        ('cache_read_tokens', models.IntegerField(null=True)),
                        ('cache_write_tokens', models.IntegerField(null=True)),
                        ('output_tokens', models.IntegerField(null=True)),
                        ('reasoning_tokens', models.IntegerField(null=True)),
                        ('delivered_tokens', models.IntegerField(null=True)),
                        ('usage', models.JSONField(null=True)),
                        ('usage_source', models.TextField(choices=[('provider', 'provider'), ('counted', 'counted'), ('estimated', 'estimated'), ('none', 'none')], null=True)),
                        ('cost_usd', models.DecimalField(decimal_places=12, max_digits=20, null=True)),
                        ('price_id', models.TextField(null=True)),
                        ('reported_cost_usd', models.DecimalField(decimal_places=12, max_digits=20, null=True, verbose_name='cost as the caller says (US$)')),
                        ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), null=True, size=None)),
                        ('metadata', models.JSONField(null=True)),
                        ('environment', models.TextField(null=True)),
                        ('app', models.TextField(null=True)),
                        ('version', models.TextField(null=True)),
                        ('sdk_version', models.TextField(null=True)),
                        ('input_preview', models.TextField(null=True)),
                        ('output_preview', models.TextField(null=True)),
                        ('payload_parts', models.JSONField(null=True)),
                        ('payload_refs', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), null=True, size=None)),
                        ('raw_payload_uri', models.TextField(null=True, verbose_name='original at')),
                        ('cut_fields', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), null=True, size=None, verbose_name='cut, left out or withheld')),
                        ('redaction_version', models.IntegerField(null=True)),
                        ('deep_redacted_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'db_table': 'inference_log',
                        'permissions': [('view_content', 'Can read what was said')],
                        'indexes': [models.Index(fields=['received_at', 'id'], name='log_newest'), models.Index(fields=['id'], name='log_id'), models.Index(fields=['status', 'received_at', 'id'], name='log_status'), models.Index(fields=['source', 'received_at', 'id'], name='log_source'), models.Index(fields=['provider', 'received_at', 'id'], name='log_provider'), models.Index(fields=['model', 'received_at', 'id'], name='log_model'), models.Index(condition=models.Q(('user_id__isnull', False)), fields=['user_id', 'received_at', 'id'], name='log_user'), models.Index(condition=models.Q(('conversation_id__isnull', False)), fields=['conversation_id'], name='log_conversation'), models.Index(condition=models.Q(('trace_id__isnull', False)), fields=['trace_id'], name='log_trace'), models.Index(condition=models.Q(('status', 'in_progress')), fields=['process_id'], name='log_open')],
                    },
                ),
            ],
        ),
    ]
