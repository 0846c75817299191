from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("telemetry", "0009_privacy")]

    operations = [
        migrations.AddField(
            model_name='inferencelog',
            name='variant',
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name='inferencelog',
            name='is_cached',
            field=models.BooleanField(null=True, verbose_name='answered from the cache'),
        ),
        migrations.AddIndex(
            model_name='inferencelog',
            index=models.Index(condition=models.Q(('variant__isnull', False)), fields=['workspace_id', 'requested_model', 'received_at'], name='log_variant'),
        ),
    ]
