import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

# What was done stays as it was written. The tests empty all tables between them: they switch the second trigger off.
APPEND_ONLY = """
CREATE FUNCTION audit_entry_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only: an entry is never changed or deleted.' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_entry_is_final BEFORE UPDATE OR DELETE ON "accounts_auditentry"
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_final();
CREATE TRIGGER audit_log_is_never_emptied BEFORE TRUNCATE ON "accounts_auditentry"
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_final();
"""
LIKE_ANY_TABLE = """
DROP TRIGGER audit_log_is_never_emptied ON "accounts_auditentry";
DROP TRIGGER audit_entry_is_final ON "accounts_auditentry";
DROP FUNCTION audit_entry_is_final();
"""


class Migration(migrations.Migration):

    dependencies = [("accounts", "0003_account")]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(editable=False)),
                ('action', models.CharField(editable=False, max_length=40)),
                ('actor_id', models.UUIDField(editable=False, null=True)),
                ('workspace_id', models.UUIDField(editable=False, null=True)),
                ('subject_kind', models.CharField(blank=True, default='', editable=False, max_length=40)),
                ('subject_id', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('detail', models.JSONField(default=dict, editable=False)),
                ('previous', models.CharField(editable=False, max_length=64, unique=True, verbose_name='digest before')),
                ('digest', models.CharField(editable=False, max_length=64)),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'indexes': [
                    models.Index(fields=['workspace_id', '-id'], name='audit_of_workspace'),
                    models.Index(fields=['workspace_id', 'action', '-id'], name='audit_by_action'),
                    models.Index(fields=['workspace_id', 'actor_id', '-id'], name='audit_by_actor'),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, LIKE_ANY_TABLE),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('member', 'Member'), ('viewer', 'Viewer')], default='member', max_length=10)),
                ('email', models.EmailField(blank=True, help_text='Empty: for whoever has the link.', max_length=254, verbose_name='for')),
                ('token_sha256', models.CharField(max_length=64, unique=True)),
                ('max_uses', models.PositiveSmallIntegerField(default=1)),
                ('use_count', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='accounts.workspace')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('use_count__lte', models.F('max_uses'))), name='invitation_used_as_allowed')],
            },
        ),
        migrations.AddField(
            model_name='apikey',
            name='previous_expires_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='previous_last_four',
            field=models.CharField(blank=True, default='', editable=False, max_length=4),
        ),
        migrations.AddField(
            model_name='apikey',
            name='previous_sha256',
            field=models.CharField(editable=False, max_length=64, null=True, unique=True),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(fields=['workspace', '-created_at', '-id'], name='keys_of_workspace'),
        ),
        migrations.AddField(
            model_name='workspace',
            name='deleted_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
