import django.db.models.functions.datetime
from django.db import migrations, models

# A queue and its numbers: it turns over wholly between two vacuums that wait for a share of its size.
FEED = """
CREATE SEQUENCE "telemetry_feed_position";
ALTER TABLE "telemetry_feed" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""


class Migration(migrations.Migration):

    dependencies = [("telemetry", "0006_redaction")]

    operations = [
        migrations.CreateModel(
            name='FeedConsumer',
            fields=[
                ('name', models.TextField(primary_key=True, serialize=False)),
                ('position', models.BigIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('moved_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='last moved')),
            ],
            options={
                'verbose_name': 'consumer of the feed',
                'verbose_name_plural': 'consumers of the feed',
                'db_table': 'telemetry_feed_consumer',
            },
        ),
        migrations.CreateModel(
            name='FeedEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('position', models.BigIntegerField(null=True)),
                ('workspace_id', models.UUIDField()),
                ('inference_id', models.UUIDField()),
                ('received_at', models.DateTimeField()),
                ('is_ended', models.BooleanField()),
                ('noted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'verbose_name_plural': 'feed entries',
                'db_table': 'telemetry_feed',
                'indexes': [models.Index(condition=models.Q(('position__isnull', True)), fields=['id'], name='feed_new')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('position__isnull', False)), fields=('position',), name='feed_position')],
            },
        ),
        migrations.CreateModel(
            name='ProductEvent',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.TextField(choices=[('conversation_created', 'Conversation Created'), ('chat_requested', 'Chat Requested'), ('chat_succeeded', 'Chat Succeeded'), ('chat_failed', 'Chat Failed'), ('auth_failed', 'Auth Failed'), ('rate_limited', 'Rate Limited'), ('idempotency_replay', 'Idempotency Replay'), ('feedback_given', 'Feedback Given')])),
                ('workspace_id', models.UUIDField(null=True)),
                ('user_id', models.UUIDField(null=True)),
                ('conversation_id', models.UUIDField(null=True)),
                ('detail', models.TextField(db_default='')),
                ('happened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'product_event',
                'indexes': [models.Index(fields=['workspace_id', 'happened_at'], name='product_event_when'), models.Index(fields=['name', 'happened_at'], name='product_event_name'), models.Index(condition=models.Q(('user_id__isnull', False)), fields=['user_id'], name='product_event_user')],
            },
        ),
        migrations.CreateModel(
            name='RawPayload',
            fields=[
                ('key', models.TextField(primary_key=True, serialize=False)),
                ('body', models.BinaryField()),
            ],
            options={
                'db_table': 'raw_payload',
            },
        ),
        migrations.RunSQL(FEED, reverse_sql='DROP SEQUENCE "telemetry_feed_position"'),
    ]
