import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("chat", "0008_shares")]

    operations = [
        migrations.CreateModel(
            name='Feedback',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('end_user', models.CharField(blank=True, help_text="The program's own label for whoever thinks so.", max_length=255)),
                ('kind', models.CharField(choices=[('thumbs_up', 'Thumbs Up'), ('thumbs_down', 'Thumbs Down'), ('flag', 'Flag')], max_length=12)),
                ('rating', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('comment', models.TextField(blank=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('redaction_version', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.AddField(
            model_name='conversation',
            name='end_user',
            field=models.CharField(blank=True, db_default='', help_text="The program's own label for its user; never an access right.", max_length=255),
        ),
        migrations.AddField(
            model_name='conversation',
            name='end_user_hash',
            field=models.CharField(blank=True, db_default='', editable=False, help_text='Found by, as sent.', max_length=32),
        ),
        migrations.AddField(
            model_name='conversation',
            name='metadata',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='message',
            name='asked_model',
            field=models.CharField(blank=True, db_default='', help_text='As it was sent.', max_length=300),
        ),
        migrations.AddField(
            model_name='message',
            name='asked_provider',
            field=models.CharField(blank=True, db_default='', help_text='As it was sent.', max_length=50),
        ),
        migrations.AddField(
            model_name='message',
            name='metadata',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='message',
            name='span_id',
            field=models.CharField(blank=True, db_default='', max_length=16),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('deleted_at', None), ('is_temporary', False)), fields=['owner', 'workspace', '-updated_at', '-id'], name='conversation_used'),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('end_user_hash', ''), _negated=True), fields=['owner', 'end_user_hash', '-updated_at', '-id'], name='conversation_of_end_user'),
        ),
        migrations.AddField(
            model_name='feedback',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='chat.conversation'),
        ),
        migrations.AddField(
            model_name='feedback',
            name='message',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='chat.message'),
        ),
        migrations.AddIndex(
            model_name='feedback',
            index=models.Index(fields=['conversation', 'created_at'], name='feedback_in_order'),
        ),
    ]
