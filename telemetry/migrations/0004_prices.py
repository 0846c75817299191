import django.contrib.postgres.fields
import django.core.serializers.json
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models

# An immutable price: only its withdrawal may be written.
IMMUTABLE = """
CREATE FUNCTION telemetry_price_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'withdrawn_at' = to_jsonb(OLD) - 'withdrawn_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a price is never changed or deleted: withdraw it, or add a newer one';
END $$;
CREATE TRIGGER price_is_final BEFORE UPDATE OR DELETE ON "telemetry_price"
    FOR EACH ROW EXECUTE FUNCTION telemetry_price_is_final();
"""
MUTABLE = """
DROP TRIGGER price_is_final ON "telemetry_price";
DROP FUNCTION telemetry_price_is_final();
"""

COST_VERSION = """
CREATE TABLE "cost_version" (
    "workspace_id" uuid NOT NULL,
    "received_at" timestamp with time zone NOT NULL,
    "id" uuid NOT NULL,
    "version" smallint NOT NULL,
    "cost_usd" numeric(20, 12) NULL,
    "price_id" text NULL,
    "repricing_id" uuid NOT NULL,
    "replaced_at" timestamp with time zone NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY ("workspace_id", "received_at", "id", "version")
) PARTITION BY RANGE ("received_at");
"""


class Migration(migrations.Migration):

    dependencies = [("telemetry", "0003_rollups")]

    operations = [
        migrations.CreateModel(
            name='ListedPrice',
            fields=[
                ('id', models.TextField(primary_key=True, serialize=False)),
                ('provider', models.TextField()),
                ('model', models.TextField()),
                ('aliases', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, size=None)),
                ('effective_from', models.DateTimeField(blank=True, null=True)),
                ('origin', models.TextField(choices=[('map', "LiteLLM's map"), ('listed', 'dated list'), ('manual', 'entered here')])),
                ('source', models.TextField()),
                ('input', models.DecimalField(decimal_places=18, max_digits=24)),
                ('cache_read', models.DecimalField(decimal_places=18, max_digits=24)),
                ('cache_write', models.DecimalField(decimal_places=18, max_digits=24)),
                ('output', models.DecimalField(decimal_places=18, max_digits=24)),
                ('reasoning', models.DecimalField(decimal_places=18, max_digits=24)),
                ('tiers', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.UUIDField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'price',
                'db_table': 'telemetry_price',
                'indexes': [models.Index(fields=['provider', 'model'], name='price_of_model')],
            },
        ),
        migrations.RunSQL(IMMUTABLE, reverse_sql=MUTABLE),
        migrations.CreateModel(
            name='PriceRelease',
            fields=[
                ('name', models.TextField(primary_key=True, serialize=False)),
                ('loaded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('added_count', models.IntegerField()),
            ],
            options={
                'db_table': 'telemetry_price_release',
            },
        ),
        migrations.CreateModel(
            name='Repricing',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('since', models.DateTimeField(verbose_name='calls received from')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='until')),
                ('workspace_id', models.UUIDField(blank=True, null=True, verbose_name='workspace')),
                ('provider', models.TextField(blank=True, null=True)),
                ('model', models.TextField(blank=True, null=True)),
                ('only_unknown', models.BooleanField(default=False, verbose_name='only calls whose cost is not known')),
                ('state', models.TextField(choices=[('waiting', 'Waiting'), ('previewed', 'Previewed'), ('ordered', 'Ordered'), ('done', 'Done')], default='waiting')),
                ('at_received_at', models.DateTimeField(null=True)),
                ('at_id', models.UUIDField(null=True)),
                ('seen_count', models.BigIntegerField(default=0)),
                ('changed_count', models.BigIntegerField(default=0)),
                ('newly_known_count', models.BigIntegerField(default=0)),
                ('newly_unknown_count', models.BigIntegerField(default=0)),
                ('before_usd', models.DecimalField(decimal_places=12, default=0, max_digits=24)),
                ('after_usd', models.DecimalField(decimal_places=12, default=0, max_digits=24)),
                ('prices', models.TextField(default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.UUIDField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'telemetry_repricing',
                'permissions': [('apply_repricing', 'Can apply a repricing')],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(COST_VERSION, reverse_sql='DROP TABLE "cost_version"')],
            state_operations=[
                migrations.CreateModel(
                    name='CostVersion',
                    fields=[
                        ('pk', models.CompositePrimaryKey('workspace_id', 'received_at', 'id', 'version', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('workspace_id', models.UUIDField()),
                        ('received_at', models.DateTimeField()),
                        ('id', models.UUIDField()),
                        ('version', models.SmallIntegerField()),
                        ('cost_usd', models.DecimalField(decimal_places=12, max_digits=20, null=True)),
                        ('price_id', models.TextField(null=True)),
                        ('repricing_id', models.UUIDField()),
                        ('replaced_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        'db_table': 'cost_version',
                    },
                ),
            ],
        ),
    ]
