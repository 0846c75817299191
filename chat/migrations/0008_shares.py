import accounts.encryption
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("chat", "0007_files"), ("accounts", "0002_api_keys")]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='title_asked_at',
            field=models.DateTimeField(editable=False, help_text='When a model was asked for a title: once.', null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='cached_tokens',
            field=models.PositiveIntegerField(blank=True, help_text="Of the prompt's, read from a cache.", null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='reasoning_tokens',
            field=models.PositiveIntegerField(blank=True, help_text="Of the completion's.", null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='served_model',
            field=models.CharField(blank=True, help_text='As the provider calls what answered.', max_length=300),
        ),
        migrations.CreateModel(
            name='Share',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('token_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('token', accounts.encryption.EncryptedTextField(help_text='So that its owner can copy the address again.')),
                ('title', models.CharField(blank=True, max_length=500)),
                ('messages', models.JSONField(default=list)),
                ('shows_models', models.BooleanField(default=True)),
                ('shows_costs', models.BooleanField(default=False)),
                ('shows_name', models.BooleanField(default=False)),
                ('redaction_version', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ('renderer_version', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('conversation', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='share', to='chat.conversation')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shares', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-updated_at', '-id'], name='share_listed')],
            },
        ),
    ]
