import django.contrib.postgres.fields
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_members'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='allowed_models',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), blank=True, default=list, help_text='Paths, short names, or such as openai/*. Any model, if empty.', size=None),
        ),
        migrations.AddField(
            model_name='apikey',
            name='concurrent_calls',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='calls at once'),
        ),
        migrations.AddField(
            model_name='apikey',
            name='requests_per_minute',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='requests a minute'),
        ),
        migrations.AddField(
            model_name='apikey',
            name='tokens_per_minute',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='tokens a minute'),
        ),
        migrations.AddField(
            model_name='membership',
            name='concurrent_calls',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='calls at once'),
        ),
        migrations.AddField(
            model_name='membership',
            name='requests_per_minute',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='requests a minute'),
        ),
        migrations.AddField(
            model_name='membership',
            name='tokens_per_minute',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='tokens a minute'),
        ),
        migrations.AddField(
            model_name='workspace',
            name='concurrent_calls',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='calls at once'),
        ),
        migrations.AddField(
            model_name='workspace',
            name='requests_per_minute',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='requests a minute'),
        ),
        migrations.AddField(
            model_name='workspace',
            name='tokens_per_minute',
            field=models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='tokens a minute'),
        ),
    ]
