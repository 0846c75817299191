import accounts.encryption
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("gateway", "0006_answers")]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('url', models.CharField(max_length=2000, verbose_name='address')),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
                ('secret', accounts.encryption.EncryptedTextField()),
                ('previous_secret', accounts.encryption.EncryptedTextField()),
                ('previous_expires_at', models.DateTimeField(editable=False, null=True)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('failing_since', models.DateTimeField(editable=False, null=True)),
                ('switched_off_because', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='accounts.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'created_at', 'id'], name='webhooks_of_workspace')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('event', models.CharField(max_length=40)),
                ('about', models.CharField(max_length=200)),
                ('body', models.TextField()),
                ('state', models.CharField(choices=[('pending', 'on its way'), ('delivered', 'delivered'), ('failed', 'failed')], default='pending', max_length=10)),
                ('attempt_count', models.SmallIntegerField(default=0)),
                ('attempts', models.JSONField(default=list)),
                ('available_at', models.DateTimeField(verbose_name='not before')),
                ('created_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='gateway.webhook')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(fields=['webhook', '-created_at', '-id'], name='deliveries_of_webhook'), models.Index(condition=models.Q(('state', 'pending')), fields=['webhook', 'available_at'], name='delivery_due'), models.Index(fields=['created_at'], name='delivery_age')],
                'constraints': [models.UniqueConstraint(fields=('webhook', 'about'), name='an_event_is_told_once')],
            },
        ),
    ]
