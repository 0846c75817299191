from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("telemetry", "0008_scores")]

    operations = [
        migrations.AddField(
            model_name='redactionpolicy',
            name='payloads',
            field=models.TextField(blank=True, choices=[('full', 'All of it'), ('preview', 'The beginning'), ('none', 'Nothing: only figures')], default='', help_text='Empty: as the installation says. Never more than it says, nor more than a key asks for.', verbose_name='keeps of a call'),
        ),
    ]
