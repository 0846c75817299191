import uuid

import django.db.models.deletion
from django.db import migrations, models

import accounts.encryption


class Migration(migrations.Migration):

    dependencies = [("chat", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='redaction_version',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False, help_text='Of the title.'),
        ),
        migrations.AddField(
            model_name='message',
            name='redaction_version',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.CreateModel(
            name='Original',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('sealed', accounts.encryption.EncryptedTextField()),
                ('expires_at', models.DateTimeField()),
                ('message', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='original', to='chat.message')),
            ],
            options={'indexes': [models.Index(condition=models.Q(('sealed__isnull', False)), fields=['expires_at'], name='original_to_expire')]},
        ),
    ]
