import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_api_keys'),
        ('chat', '0002_masks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='conversation',
            name='conversation_recent',
        ),
        migrations.AddField(
            model_name='conversation',
            name='active_leaf',
            field=models.ForeignKey(blank=True, help_text='The end of the branch that is shown; the one that was written last, if none.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='chat.message'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='archived_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='deleted_at',
            field=models.DateTimeField(blank=True, help_text='It can be had back until it is purged.', null=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='is_temporary',
            field=models.BooleanField(default=False, help_text='Not listed, not kept; the log keeps its metadata alone.'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='parameters',
            field=models.JSONField(blank=True, default=dict, help_text='What models are asked with: temperature, max_tokens, …'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='pinned_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='system_prompt',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='title_source',
            field=models.CharField(choices=[('prompt', 'first words'), ('model', 'Model'), ('person', 'Person')], default='prompt', max_length=6),
        ),
        migrations.AddField(
            model_name='conversation',
            name='tools',
            field=models.JSONField(blank=True, default=list, help_text='The names of the tools that models may use in this chat.'),
        ),
        migrations.AddField(
            model_name='message',
            name='compare_id',
            field=models.UUIDField(blank=True, help_text='The replies that were asked for side by side share it.', null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='reasoning',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='message',
            name='reasoning_effort',
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AddField(
            model_name='message',
            name='reasoning_html',
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name='message',
            name='reasoning_ms',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('archived_at', None), ('deleted_at', None), ('is_temporary', False)), fields=['owner', '-updated_at', '-id'], name='conversation_listed'),
        ),
    ]
