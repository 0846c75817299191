import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_lists")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="shown_at",
            field=models.DateTimeField(blank=True, help_text="When the branch that ends here was left for another.", null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="continues",
            field=models.ForeignKey(
                blank=True,
                help_text="The broken reply that this goes on with.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="chat.message",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="continued_length",
            field=models.PositiveIntegerField(default=0, help_text="Characters at the start that the broken reply had."),
        ),
    ]
