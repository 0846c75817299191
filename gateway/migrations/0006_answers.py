import accounts.encryption
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("gateway", "0005_aliases"), ("accounts", "0005_limits")]

    operations = [
        migrations.CreateModel(
            name='StoredAnswer',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('key_sha256', models.BinaryField(max_length=32)),
                ('request_sha256', models.BinaryField(max_length=32)),
                ('claim', models.UUIDField()),
                ('lease_until', models.DateTimeField()),
                ('answer', accounts.encryption.EncryptedTextField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField()),
                ('api_key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.apikey')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['expires_at'], name='answer_expiry')],
                'constraints': [models.UniqueConstraint(fields=('api_key', 'key_sha256'), name='one_answer_a_key')],
            },
        ),
    ]
