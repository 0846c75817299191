import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("gateway", "0007_webhooks")]

    operations = [
        migrations.AddField(
            model_name='webhook',
            name='shape',
            field=models.CharField(choices=[('signed', 'Signed JSON'), ('slack', 'A message for Slack')], default='signed', max_length=6),
        ),
        migrations.CreateModel(
            name='AlertRule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', max_length=8)),
                ('figure', models.CharField(max_length=60)),
                ('filters', models.JSONField(default=dict)),
                ('window_minutes', models.IntegerField(default=15)),
                ('comparison', models.CharField(choices=[('above', 'rises above'), ('below', 'falls below')], default='above', max_length=5)),
                ('threshold', models.FloatField()),
                ('recover_threshold', models.FloatField(null=True)),
                ('for_minutes', models.IntegerField(default=0)),
                ('least_calls', models.IntegerField(default=0)),
                ('on_no_data', models.CharField(choices=[('keep', 'Leave it as it is'), ('ok', 'Take it for good'), ('alert', 'Tell of it')], default='keep', max_length=5)),
                ('remind_minutes', models.IntegerField(default=0)),
                ('letters_to', django.contrib.postgres.fields.ArrayField(base_field=models.EmailField(max_length=254), default=list, size=None)),
                ('is_enabled', models.BooleanField(default=True)),
                ('muted_until', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('ok', 'OK'), ('pending', 'Pending'), ('firing', 'Firing'), ('no_data', 'No data')], default='ok', max_length=8)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('value', models.FloatField(null=True)),
                ('checked_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('told_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('budget', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='gateway.budget')),
                ('webhooks', models.ManyToManyField(related_name='alert_rules', to='gateway.webhook')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alert_rules', to='accounts.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='AlertEvent',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], max_length=8)),
                ('kind', models.CharField(choices=[('fired', 'Fired'), ('reminded', 'Still firing'), ('no_data', 'No data'), ('recovered', 'Recovered')], max_length=9)),
                ('value', models.FloatField(null=True)),
                ('says', models.TextField()),
                ('was_muted', models.BooleanField(default=False)),
                ('told_count', models.SmallIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alert_events', to='accounts.workspace')),
                ('rule', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to='gateway.alertrule')),
            ],
        ),
        migrations.CreateModel(
            name='AlertLetter',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('address', models.EmailField(max_length=254)),
                ('state', models.CharField(choices=[('pending', 'on its way'), ('sent', 'sent'), ('failed', 'failed')], default='pending', max_length=7)),
                ('attempt_count', models.SmallIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=200)),
                ('available_at', models.DateTimeField(verbose_name='not before')),
                ('ended_at', models.DateTimeField(null=True)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='letters', to='gateway.alertevent')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['available_at'], name='alert_letter_due')],
                'constraints': [models.UniqueConstraint(fields=('event', 'address'), name='one_letter_an_address')],
            },
        ),
        migrations.AddIndex(
            model_name='alertrule',
            index=models.Index(fields=['workspace', 'created_at', 'id'], name='alert_rules_of_workspace'),
        ),
        migrations.AddIndex(
            model_name='alertevent',
            index=models.Index(fields=['workspace', '-created_at', '-id'], name='alert_events_of_workspace'),
        ),
        migrations.AddIndex(
            model_name='alertevent',
            index=models.Index(fields=['rule', '-created_at', '-id'], name='alert_events_of_rule'),
        ),
        migrations.AddIndex(
            model_name='alertevent',
            index=models.Index(fields=['created_at'], name='alert_event_age'),
        ),
    ]
