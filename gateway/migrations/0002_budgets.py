import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("accounts", "0001_initial"), ("gateway", "0001_providers")]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('subject', models.CharField(choices=[('workspace', 'the whole workspace'), ('user', 'a person'), ('api_key', 'an API key')], default='workspace', max_length=10)),
                ('subject_id', models.UUIDField(blank=True, help_text="The person's or the key's id; empty for the workspace.", null=True)),
                ('period', models.CharField(choices=[('day', 'Day'), ('month', 'Month')], default='month', max_length=5)),
                ('limit_usd', models.DecimalField(decimal_places=6, max_digits=16, validators=[django.core.validators.MinValueValidator(0)], verbose_name='limit (US$)')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='budgets', to='accounts.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='BudgetPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_on', models.DateField()),
                ('spent_usd', models.DecimalField(decimal_places=12, max_digits=24)),
                ('reserved_usd', models.DecimalField(decimal_places=12, max_digits=24)),
                ('unknown_count', models.IntegerField()),
                ('budget', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='periods', to='gateway.budget')),
            ],
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('call_id', models.UUIDField()),
                ('starts_on', models.DateField()),
                ('amount_usd', models.DecimalField(decimal_places=12, max_digits=24)),
                ('spent_usd', models.DecimalField(decimal_places=12, max_digits=24, null=True)),
                ('state', models.CharField(choices=[('reserved', 'Reserved'), ('settled', 'Settled'), ('released', 'Released')], default='reserved', max_length=8)),
                ('expires_at', models.DateTimeField()),
                ('budget', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reservations', to='gateway.budget')),
            ],
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.UniqueConstraint(fields=('workspace', 'subject', 'subject_id', 'period'), name='one_budget_a_period', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('subject', 'workspace'), ('subject_id', None)), models.Q(models.Q(('subject', 'workspace'), _negated=True), models.Q(('subject_id', None), _negated=True)), _connector='OR'), name='a_budget_names_its_subject', violation_error_message="A person's or a key's budget needs its id, the workspace's has none."),
        ),
        migrations.AddConstraint(
            model_name='budgetperiod',
            constraint=models.UniqueConstraint(fields=('budget', 'starts_on'), name='one_row_a_period'),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'reserved')), fields=['expires_at'], name='reservation_open'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(fields=('call_id', 'budget'), name='one_reservation_a_call'),
        ),
    ]
