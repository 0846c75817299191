import django.core.validators
import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("gateway", "0003_catalogue"), ("accounts", "0005_limits")]

    operations = [
        migrations.AddField(
            model_name='modelalias',
            name='cache_epoch',
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='cache_seconds',
            field=models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(2592000)]),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='caches_random',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='compared_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='failures_to_rest',
            field=models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MaxValueValidator(100)]),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='first_byte_seconds',
            field=models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(600)]),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='idle_seconds',
            field=models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(600)]),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='max_attempts',
            field=models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(6)]),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='rest_seconds',
            field=models.PositiveIntegerField(default=30, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3600)]),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='split_by',
            field=models.CharField(choices=[('request', 'Each request anew'), ('user', 'The same for a person, always')], default='request', max_length=8),
        ),
        migrations.AddField(
            model_name='modelalias',
            name='weight',
            field=models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.CreateModel(
            name='Deployment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('path', models.CharField(max_length=300)),
                ('weight', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000)])),
                ('is_fallback', models.BooleanField(default=False)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('alias', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deployments', to='gateway.modelalias')),
            ],
            options={
                'ordering': ['position', 'path'],
                'constraints': [models.UniqueConstraint(fields=('alias', 'path'), name='one_deployment_a_path')],
            },
        ),
    ]
