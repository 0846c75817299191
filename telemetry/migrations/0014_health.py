from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0013_datasets")]

    operations = []
