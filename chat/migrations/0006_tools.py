import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import accounts.encryption


class Migration(migrations.Migration):

    dependencies = [("chat", "0005_branches")]

    operations = [
        migrations.RemoveField(model_name='message', name='is_retryable'),
        migrations.CreateModel(
            name='ToolServer',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('url', models.CharField(max_length=500, verbose_name='address')),
                ('header', models.CharField(blank=True, default='Authorization', max_length=100, verbose_name='header')),
                ('secret', accounts.encryption.EncryptedTextField(verbose_name='value of the header')),
                ('is_enabled', models.BooleanField(default=True)),
                ('tools', models.JSONField(blank=True, default=list, help_text='Name, description and schema of each tool.')),
                ('disabled_tools', models.JSONField(blank=True, default=list, help_text='The names of tools that no model gets.')),
                ('tested_at', models.DateTimeField(blank=True, null=True)),
                ('test_error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tool_servers', to='accounts.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='tool_server_named_once')],
            },
        ),
        migrations.CreateModel(
            name='ToolUse',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('round', models.PositiveSmallIntegerField(help_text="Which of the reply's calls asked for it, from 1.")),
                ('position', models.PositiveSmallIntegerField(help_text='Its place in the reply.')),
                ('inference_id', models.UUIDField(blank=True, help_text='The call that asked for it.', null=True)),
                ('call_id', models.CharField(help_text='What the provider calls this use.', max_length=200)),
                ('name', models.CharField(max_length=100)),
                ('server', models.CharField(blank=True, help_text="The MCP server's name; empty for a built-in tool.", max_length=60)),
                ('arguments', models.TextField(blank=True)),
                ('result', models.TextField(blank=True)),
                ('status', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('denied', 'Denied'), ('canceled', 'Canceled')], default='running', max_length=8)),
                ('redaction_version', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tool_uses', to='chat.message')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('message', 'position'), name='tool_use_in_order')],
            },
        ),
        migrations.CreateModel(
            name='WorkspaceTool',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tools', to='accounts.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='tool_switched_on_once')],
            },
        ),
    ]
