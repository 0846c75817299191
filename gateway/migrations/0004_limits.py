from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("gateway", "0003_catalogue"), ("accounts", "0005_limits")]

    operations = []
