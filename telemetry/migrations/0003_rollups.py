import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# Minutes live for a week: their days are dropped, not deleted.
MINUTE = """
CREATE TABLE "rollup_minute" (
    "workspace_id" uuid NOT NULL,
    "bucket_at" timestamp with time zone NOT NULL,
    "call_count" bigint NOT NULL,
    "error_count" bigint NOT NULL,
    "input_tokens" bigint NOT NULL,
    "cache_read_tokens" bigint NOT NULL,
    "cache_write_tokens" bigint NOT NULL,
    "output_tokens" bigint NOT NULL,
    "reasoning_tokens" bigint NOT NULL,
    "estimated_count" bigint NOT NULL,
    "cost_usd" numeric(30, 12) NOT NULL,
    "unpriced_count" bigint NOT NULL,
    "latency_sum_ms" bigint NOT NULL,
    "latency_count" bigint NOT NULL,
    "ttft_sum_ms" bigint NOT NULL,
    "ttft_count" bigint NOT NULL,
    "provider" text NOT NULL,
    "model" text NOT NULL,
    "source" text NOT NULL,
    "status" text NOT NULL,
    "latency_bins" smallint[] NOT NULL,
    "latency_counts" integer[] NOT NULL,
    "ttft_bins" smallint[] NOT NULL,
    "ttft_counts" integer[] NOT NULL,
    PRIMARY KEY ("workspace_id", "bucket_at", "provider", "model", "source", "status")
) PARTITION BY RANGE ("bucket_at");
"""

# Where the log has a day, all have it: an installation that has days already gets them here.
DAYS = """
DO $$
DECLARE day record;
BEGIN
    FOR day IN
        SELECT replace(relname, 'inference_log_', 'rollup_minute_') AS child, pg_get_expr(relpartbound, pg_class.oid) AS bound
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'inference_log'::regclass
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF "rollup_minute" %s', day.child, day.bound);
    END LOOP;
END $$;
"""

# The calls that are there already are rolled up by the first build.
MARK = """
INSERT INTO "rollup_mark" ("level", "workspace_id", "bucket_at")
SELECT DISTINCT 0, "workspace_id", date_trunc('minute', "received_at") FROM "inference_log";
"""

# Marks turn over wholly between two vacuums that wait for a share of their number.
QUEUE = """
ALTER TABLE "rollup_mark" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""

# Keys lie in the order in which calls were heard of: a block range index finds a day among any number of them, and costs
# an insert nothing.
KEY_RECEIVED = """
CREATE INDEX "key_received" ON "inference_key" USING brin ("received_at") WITH (pages_per_range = 64, autosummarize = on);
"""


class Migration(migrations.Migration):

    dependencies = [("accounts", "0001_initial"), ("telemetry", "0002_spans")]

    operations = [
        migrations.CreateModel(
            name='PackedDay',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False)),
                ('packed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('piece_count', models.BigIntegerField()),
                ('before_bytes', models.BigIntegerField()),
                ('after_bytes', models.BigIntegerField()),
            ],
            options={
                'db_table': 'telemetry_packed_day',
            },
        ),
        migrations.CreateModel(
            name='RollupDay',
            fields=[
                ('workspace_id', models.UUIDField()),
                ('bucket_at', models.DateTimeField()),
                ('call_count', models.BigIntegerField()),
                ('error_count', models.BigIntegerField()),
                ('input_tokens', models.BigIntegerField()),
                ('cache_read_tokens', models.BigIntegerField()),
                ('cache_write_tokens', models.BigIntegerField()),
                ('output_tokens', models.BigIntegerField()),
                ('reasoning_tokens', models.BigIntegerField()),
                ('estimated_count', models.BigIntegerField()),
                ('cost_usd', models.DecimalField(decimal_places=12, max_digits=30)),
                ('unpriced_count', models.BigIntegerField()),
                ('latency_sum_ms', models.BigIntegerField()),
                ('latency_count', models.BigIntegerField()),
                ('ttft_sum_ms', models.BigIntegerField()),
                ('ttft_count', models.BigIntegerField()),
                ('provider', models.TextField()),
                ('model', models.TextField()),
                ('source', models.TextField()),
                ('status', models.TextField()),
                ('latency_bins', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('latency_counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('ttft_bins', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('ttft_counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('pk', models.CompositePrimaryKey('workspace_id', 'bucket_at', 'provider', 'model', 'source', 'status', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'rollup_day',
            },
        ),
        migrations.CreateModel(
            name='RollupHour',
            fields=[
                ('workspace_id', models.UUIDField()),
                ('bucket_at', models.DateTimeField()),
                ('call_count', models.BigIntegerField()),
                ('error_count', models.BigIntegerField()),
                ('input_tokens', models.BigIntegerField()),
                ('cache_read_tokens', models.BigIntegerField()),
                ('cache_write_tokens', models.BigIntegerField()),
                ('output_tokens', models.BigIntegerField()),
                ('reasoning_tokens', models.BigIntegerField()),
                ('estimated_count', models.BigIntegerField()),
                ('cost_usd', models.DecimalField(decimal_places=12, max_digits=30)),
                ('unpriced_count', models.BigIntegerField()),
                ('latency_sum_ms', models.BigIntegerField()),
                ('latency_count', models.BigIntegerField()),
                ('ttft_sum_ms', models.BigIntegerField()),
                ('ttft_count', models.BigIntegerField()),
                ('provider', models.TextField()),
                ('model', models.TextField()),
                ('source', models.TextField()),
                ('status', models.TextField()),
                ('latency_bins', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('latency_counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('ttft_bins', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('ttft_counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('pk', models.CompositePrimaryKey('workspace_id', 'bucket_at', 'provider', 'model', 'source', 'status', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'rollup_hour',
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(MINUTE, reverse_sql='DROP TABLE "rollup_minute"'),
                migrations.RunSQL(DAYS, reverse_sql=migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='RollupMinute',
                    fields=[
                        ('workspace_id', models.UUIDField()),
                        ('bucket_at', models.DateTimeField()),
                        ('call_count', models.BigIntegerField()),
                        ('error_count', models.BigIntegerField()),
                        ('input_tokens', models.BigIntegerField()),
                        ('cache_read_tokens', models.BigIntegerField()),
                        ('cache_write_tokens', models.BigIntegerField()),
                        ('output_tokens', models.BigIntegerField()),
                        ('reasoning_tokens', models.BigIntegerField()),
                        ('estimated_count', models.BigIntegerField()),
                        ('cost_usd', models.DecimalField(decimal_places=12, max_digits=30)),
                        ('unpriced_count', models.BigIntegerField()),
                        ('latency_sum_ms', models.BigIntegerField()),
                        ('latency_count', models.BigIntegerField()),
                        ('ttft_sum_ms', models.BigIntegerField()),
                        ('ttft_count', models.BigIntegerField()),
                        ('provider', models.TextField()),
                        ('model', models.TextField()),
                        ('source', models.TextField()),
                        ('status', models.TextField()),
                        ('latency_bins', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                        ('latency_counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                        ('ttft_bins', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                        ('ttft_counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                        ('pk', models.CompositePrimaryKey('workspace_id', 'bucket_at', 'provider', 'model', 'source', 'status', blank=True, editable=False, primary_key=True, serialize=False)),
                    ],
                    options={
                        'db_table': 'rollup_minute',
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name='UsageDay',
            fields=[
                ('workspace_id', models.UUIDField()),
                ('bucket_at', models.DateTimeField()),
                ('call_count', models.BigIntegerField()),
                ('error_count', models.BigIntegerField()),
                ('input_tokens', models.BigIntegerField()),
                ('cache_read_tokens', models.BigIntegerField()),
                ('cache_write_tokens', models.BigIntegerField()),
                ('output_tokens', models.BigIntegerField()),
                ('reasoning_tokens', models.BigIntegerField()),
                ('estimated_count', models.BigIntegerField()),
                ('cost_usd', models.DecimalField(decimal_places=12, max_digits=30)),
                ('unpriced_count', models.BigIntegerField()),
                ('latency_sum_ms', models.BigIntegerField()),
                ('latency_count', models.BigIntegerField()),
                ('ttft_sum_ms', models.BigIntegerField()),
                ('ttft_count', models.BigIntegerField()),
                ('user_id', models.UUIDField()),
                ('api_key_id', models.UUIDField()),
                ('model', models.TextField()),
                ('pk', models.CompositePrimaryKey('workspace_id', 'bucket_at', 'user_id', 'api_key_id', 'model', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'usage_day',
            },
        ),
        migrations.CreateModel(
            name='UsageHour',
            fields=[
                ('workspace_id', models.UUIDField()),
                ('bucket_at', models.DateTimeField()),
                ('call_count', models.BigIntegerField()),
                ('error_count', models.BigIntegerField()),
                ('input_tokens', models.BigIntegerField()),
                ('cache_read_tokens', models.BigIntegerField()),
                ('cache_write_tokens', models.BigIntegerField()),
                ('output_tokens', models.BigIntegerField()),
                ('reasoning_tokens', models.BigIntegerField()),
                ('estimated_count', models.BigIntegerField()),
                ('cost_usd', models.DecimalField(decimal_places=12, max_digits=30)),
                ('unpriced_count', models.BigIntegerField()),
                ('latency_sum_ms', models.BigIntegerField()),
                ('latency_count', models.BigIntegerField()),
                ('ttft_sum_ms', models.BigIntegerField()),
                ('ttft_count', models.BigIntegerField()),
                ('user_id', models.UUIDField()),
                ('api_key_id', models.UUIDField()),
                ('model', models.TextField()),
                ('pk', models.CompositePrimaryKey('workspace_id', 'bucket_at', 'user_id', 'api_key_id', 'model', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'usage_hour',
            },
        ),
        migrations.AddField(
            model_name='payload',
            name='packed',
            field=models.BinaryField(null=True),
        ),
        migrations.AlterField(
            model_name='payload',
            name='body',
            field=models.TextField(null=True),
        ),
        migrations.CreateModel(
            name='ErasureReceipt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('subject_digest', models.TextField(verbose_name='whom (keyed hash)')),
                ('requested_by', models.TextField()),
                ('counts', models.JSONField(default=dict)),
                ('begun_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('digest', models.TextField(blank=True, default='', verbose_name='SHA-256 of the receipt')),
            ],
            options={
                'db_table': 'telemetry_erasure_receipt',
                'indexes': [models.Index(fields=['subject_digest'], name='receipt_subject')],
            },
        ),
        migrations.CreateModel(
            name='RollupMark',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('level', models.SmallIntegerField(choices=[(0, 'Minute'), (1, 'Hour'), (2, 'Day')])),
                ('workspace_id', models.UUIDField()),
                ('bucket_at', models.DateTimeField()),
                ('marked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'rollup_mark',
                'indexes': [models.Index(fields=['level', 'workspace_id', 'bucket_at'], name='mark_of_bucket')],
            },
        ),
        migrations.CreateModel(
            name='SealedDay',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('workspace_id', models.UUIDField(null=True)),
                ('sealed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('emptied_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'telemetry_sealed_day',
                'constraints': [models.UniqueConstraint(fields=('day', 'workspace_id'), name='a_day_is_sealed_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='RetentionPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('raw_days', models.PositiveIntegerField(blank=True, help_text='Empty: as OLLIVE_RETENTION_DAYS says (30 if it is not set).', null=True, verbose_name='calls are kept for (days)')),
                ('rollup_days', models.PositiveIntegerField(blank=True, help_text='Empty: as OLLIVE_ROLLUP_DAYS says (400 if it is not set).', null=True, verbose_name='sums are kept for (days)')),
                ('last_run_at', models.DateTimeField(editable=False, null=True)),
                ('last_outcome', models.TextField(blank=True, default='', editable=False)),
                ('workspace', models.ForeignKey(blank=True, help_text='Empty: the whole installation.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
            ],
            options={
                'verbose_name': 'retention policy',
                'verbose_name_plural': 'retention policies',
                'db_table': 'telemetry_retention',
                'constraints': [models.UniqueConstraint(fields=('workspace',), name='one_policy_a_workspace', nulls_distinct=False)],
            },
        ),
        migrations.RunSQL(QUEUE, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(KEY_RECEIVED, reverse_sql='DROP INDEX "key_received"'),
        migrations.RunSQL(MARK, reverse_sql=migrations.RunSQL.noop),
    ]
