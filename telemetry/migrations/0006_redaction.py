import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import telemetry.models.policy


class Migration(migrations.Migration):

    dependencies = [("telemetry", "0005_search"), ("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='BackfillMark',
            fields=[
                ('name', models.TextField(primary_key=True, serialize=False)),
                ('position', models.JSONField()),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={'db_table': 'telemetry_backfill_mark'},
        ),
        migrations.CreateModel(
            name='RedactionPolicy',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='accounts.workspace')),
                ('mode', models.TextField(choices=[('log_only', 'The model gets the text as typed; what is stored is redacted'), ('mask', 'The model gets placeholders; its reader sees the real values for a day'), ('block', 'A message with personal data or secrets is refused')], default='log_only')),
                ('keeps_originals', models.BooleanField(default=False, help_text="Keep what was removed, encrypted, for the chat's owner and for the history that the model gets.", verbose_name='vault')),
                ('vault_hours', models.PositiveIntegerField(default=24, verbose_name='originals are kept for (hours)')),
                ('regions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=2), blank=True, default=telemetry.models.policy.default_regions, size=None)),
                ('national_ids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=2), blank=True, default=list, size=None)),
                ('kinds_off', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None)),
                ('is_deep', models.BooleanField(default=False, help_text='Workers remove names of people, places and organisations from the log.', verbose_name='deep redaction')),
                ('deep_from', models.DateTimeField(editable=False, null=True)),
                ('rules_version', models.PositiveIntegerField(default=0, editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={'db_table': 'telemetry_redaction_policy', 'verbose_name_plural': 'redaction policies', 'constraints': [models.CheckConstraint(condition=models.Q(('vault_hours__range', (1, 8784))), name='vault_from_an_hour_to_a_year')]},
        ),
        migrations.CreateModel(
            name='RedactionRule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('label', models.CharField(help_text='What stands for a match: EMPLOYEE_ID shows as [[EMPLOYEE_ID]].', max_length=40)),
                ('form', models.TextField(choices=[('pattern', 'a pattern'), ('words', 'words and phrases, one a line')], default='pattern', verbose_name='looks for')),
                ('source', models.TextField(verbose_name='pattern or words')),
                ('is_case_sensitive', models.BooleanField(default=False, help_text='For words.', verbose_name='upper and lower case differ')),
                ('is_on', models.BooleanField(default=False, verbose_name='on')),
                ('author_id', models.UUIDField(editable=False, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
            ],
            options={'db_table': 'telemetry_redaction_rule', 'indexes': [models.Index(fields=['workspace'], name='rule_of_workspace')]},
        ),
    ]
