"""Every route with what each person ends at: the rows of the access matrix."""

import uuid
from dataclasses import replace

from django.core.files.uploadedfile import SimpleUploadedFile

from chat.models import File, Prompt
from tests.house import alert_rows, dashboard_rows, dataset_rows, log_rows
from tests.house.belongings import (
    alias_of,
    budget_of,
    delivery_of,
    new_address_of,
    other_session_of,
    provider_of,
    share_of,
    token_of,
    tool_server_of,
    turn,
    webhook_of,
)
from tests.house.row import SIGN_IN, Row, of_providers, of_workspace, open_page

OF_A_WEBHOOK = Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [webhook_of(has)])
CONFIGURING = Row(anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200)
ROWS: dict[str, Row] = {
    **dashboard_rows.ROWS,
    **log_rows.ROWS,
    **dataset_rows.ROWS,
    **alert_rows.ROWS,
    "gateway:providers": CONFIGURING,
    "gateway:provider_kinds": CONFIGURING,
    "gateway:models": CONFIGURING,
    "gateway:add_provider": Row(anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200, args=lambda _: ["openai"]),
    "gateway:provider": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [provider_of(has)]),
    "gateway:budgets": CONFIGURING,
    "gateway:limits": CONFIGURING,
    "gateway:person_limits": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [has.member.pk]),
    "gateway:budget": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [budget_of(has)]),
    "gateway:delete_budget": Row(
        anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, method="post", args=lambda has: [budget_of(has)]
    ),
    "gateway:webhooks": CONFIGURING,
    "gateway:webhook": OF_A_WEBHOOK,
    "gateway:webhook_secret": replace(OF_A_WEBHOOK, method="post"),
    "gateway:test_webhook": replace(OF_A_WEBHOOK, method="post"),
    "gateway:delete_webhook": replace(OF_A_WEBHOOK, method="post"),
    "gateway:delivery": replace(OF_A_WEBHOOK, args=delivery_of),
    "gateway:send_again": replace(OF_A_WEBHOOK, method="post", args=delivery_of),
    "gateway:test_provider": of_providers(),
    "gateway:switch_provider": of_providers(is_on="no"),
    "gateway:default_provider": of_providers(),
    "gateway:allow_provider": of_providers(host="10.0.0.9:80"),
    "gateway:delete_provider": of_providers(),
    "gateway:model": Row(
        anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200, data=lambda _: {"path": "openai/fake"}
    ),  # of the environment's provider, which every workspace has
    "gateway:picker": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "gateway:welcome_key": of_workspace(bob=403),
    "gateway:welcome_ollama": Row(anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200),
    "gateway:welcome_dismiss": of_workspace(bob=403),
    "gateway:show_model": of_workspace(bob=403, path="openai/fake", is_hidden="yes"),
    "gateway:choose_models": of_workspace(bob=403, who_may_type="everyone"),
    "gateway:refresh_models": of_workspace(bob=403),
    "gateway:add_alias": of_workspace(bob=403, name="quick", path="openai/fake"),
    "gateway:alias": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [alias_of(has)]),
    "gateway:comparison": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [alias_of(has)]),
    "gateway:wake_alias": of_workspace(bob=403, args=lambda has: [alias_of(has)]),
    "gateway:forget_answers": of_workspace(bob=403, args=lambda has: [alias_of(has)]),
    "gateway:delete_alias": of_workspace(bob=403, args=lambda has: [alias_of(has)]),
    "openapi": open_page(),
    "docs": open_page(),
    "redoc": open_page(),
    "api:nothing-here": Row(anonymous=404, others=404, alice=404, args=lambda _: ["nothing"]),
    "api:api-root": open_page(404),
    "api:conversations": open_page(401),
    "api:make_conversation": replace(open_page(401), method="post"),
    **{
        f"api:{name}": replace(open_page(401), method=method, args=lambda has: [has.conversation.pk])
        for name, method in {
            "conversation": "get",
            "change_conversation": "patch",
            "delete_conversation": "delete",
            "conversation_messages": "get",
            "conversation_cost": "get",
            "conversation_feedback": "post",
        }.items()
    },
    "health": open_page(),
    "healthz": open_page(),
    "ready": open_page(),
    "api:analytics": open_page(401),  # a key's, whoever is signed in
    "api:find": open_page(401),
    "api:list_calls": open_page(401),
    "api:timeseries": open_page(401),
    "api:get_call": replace(open_page(401), args=lambda _: [uuid.UUID(int=1)]),
    "api:delete_call": replace(open_page(401), method="delete", args=lambda _: [uuid.UUID(int=1)]),
    "metrics": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "account_login": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),  # who is in already goes on to their chats
    "account_logout": Row(anonymous=SIGN_IN, others=200, alice=200),
    "account_change_password": Row(anonymous=SIGN_IN, others=200, alice=200),
    "account_set_password": Row(anonymous=SIGN_IN, others=200, alice=200),
    "account_sign_in_link": Row(anonymous=200, others=200, alice=200, args=lambda has: [has.link]),
    "openid_connect_login": Row(anonymous=404, others=404, alice=404, args=lambda _: ["oidc"]),  # no provider is set up
    "openid_connect_callback": Row(anonymous=404, others=404, alice=404, args=lambda _: ["oidc"]),
    "reset_password": open_page(404),  # no mail is sent
    "account_reset_password_done": open_page(404),
    "account_reset_password_from_key_done": open_page(404),
    "account_reset_password_from_key": Row(anonymous=404, others=404, alice=404, args=lambda _: ["abc", "key"]),
    "mfa_authenticate": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "mfa_login_webauthn": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    # The next three, and what begins with mfa_, show a person nobody but themselves; grave ones end at their password first.
    "account_reauthenticate": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_reauthenticate": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_reauthenticate_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_index": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_list_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_activate_totp": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_deactivate_totp": Row(anonymous=SIGN_IN, others=404, alice=404),  # nobody has an app yet, or codes
    "mfa_view_recovery_codes": Row(anonymous=SIGN_IN, others=404, alice=404),
    "mfa_download_recovery_codes": Row(anonymous=SIGN_IN, others=404, alice=404),
    "mfa_generate_recovery_codes": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_add_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200),
    "mfa_remove_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200, args=lambda _: [1]),
    "mfa_edit_webauthn": Row(anonymous=SIGN_IN, others=200, alice=200, args=lambda _: [1]),
    "settings": Row(anonymous=SIGN_IN, others=200, alice=200),
    "profile": Row(anonymous=SIGN_IN, others=200, alice=200),
    "confirm_email": Row(anonymous=SIGN_IN, others=410, alice=200, args=lambda has: [new_address_of(has.conversation.owner)]),
    "time_zone": Row(anonymous=SIGN_IN, others=204, alice=204, method="post", data=lambda _: {"time_zone": "Europe/Rome"}),
    "appearance": Row(anonymous=SIGN_IN, others=200, alice=200),
    "theme": Row(anonymous=SIGN_IN, others=204, alice=204, method="post", data=lambda _: {"theme": "dark"}),
    "sign_in_settings": Row(anonymous=SIGN_IN, others=200, alice=200),
    "end_sessions": Row(anonymous=SIGN_IN, others=200, alice=200, method="post"),
    "end_session": Row(
        anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [other_session_of(has.conversation.owner)]
    ),
    "switch_workspace": Row(
        anonymous=SIGN_IN,
        others=404,
        bob=200,
        alice=200,
        method="post",
        data=lambda has: {"workspace": has.conversation.workspace_id},
    ),
    "invitation": Row(anonymous=200, others=200, alice=200, args=lambda has: [has.invitation_token]),
    "workspace": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "rename_workspace": of_workspace(bob=403, name="Looking-glass"),
    "create_workspace": Row(anonymous=SIGN_IN, others=200, bob=403, alice=200, method="post", data=lambda _: {"name": "Mine"}),
    "leave_workspace": of_workspace(bob=403),  # he goes, and ends where somebody without a workspace does
    "members": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "invite": of_workspace(bob=403, id=uuid.uuid4(), role="member", days=7),
    "revoke_invitation": of_workspace(bob=403, args=lambda has: [has.invitation.pk]),
    "change_role": of_workspace(bob=403, args=lambda has: [has.member.pk], role="viewer"),
    "transfer_ownership": of_workspace(bob=403, args=lambda has: [has.member.pk]),
    "remove_member": of_workspace(bob=403, args=lambda has: [has.member.pk]),
    "api_keys": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "create_key": of_workspace(bob=200, id=uuid.uuid4(), name="script", scopes=["chat"]),
    "api_key": Row(anonymous=SIGN_IN, others=404, dora=403, bob=404, alice=200, args=lambda has: [has.key.pk]),
    "rotate_key": of_workspace(bob=404, args=lambda has: [has.key.pk]),
    "revoke_key": of_workspace(bob=404, args=lambda has: [has.key.pk]),
    "audit_log": Row(anonymous=SIGN_IN, others=200, bob=403, dora=403, alice=200),
    "audit_csv": of_workspace(bob=403),
    "chat:delete_workspace": Row(anonymous=SIGN_IN, others=200, bob=403, dora=403, alice=200),
    "privacy": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "try_redaction": of_workspace(bob=200, text="bob@example.com"),
    "add_rule": of_workspace(bob=403, label="STAFF", form="words", source="Titan"),
    "switch_rule": of_workspace(bob=403, args=lambda has: [has.rule.pk], on="1"),
    "delete_rule": of_workspace(bob=403, args=lambda has: [has.rule.pk]),
    # Dora is in no workspace: she is told so.
    "chat:home": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "chat:conversations": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:conversation": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.conversation.id]),
    "chat:delete": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    # Nothing of Alice's is deleted or temporary: she is told so, and a stranger no more than that.
    "chat:undelete": Row(
        anonymous=SIGN_IN, others=410, dora=403, alice=410, method="post", args=lambda has: [has.conversation.id]
    ),
    "chat:end": Row(anonymous=SIGN_IN, others=404, alice=409, method="post", args=lambda has: [has.conversation.id]),
    "chat:rename": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        args=lambda has: [has.conversation.id],
        data=lambda _: {"title": "Ours"},
    ),
    "chat:pin": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:archive": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:tools": CONFIGURING,
    "chat:switch_tool": Row(
        anonymous=SIGN_IN,
        others=200,
        dora=403,
        bob=403,
        alice=200,
        method="post",
        args=lambda _: ["clock"],
        data=lambda _: {"on": "1"},
    ),
    "chat:add_tool_server": CONFIGURING,
    "chat:tool_server": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=lambda has: [tool_server_of(has)]),
    **{
        f"chat:{name}": Row(
            anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, method="post", args=lambda has: [tool_server_of(has)]
        )
        for name in ("test_tool_server", "choose_server_tools", "switch_tool_server", "delete_tool_server")
    },
    "chat:archived": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:empty_archive": Row(anonymous=SIGN_IN, others=200, alice=200, method="post", data=lambda _: {"do": "delete"}),
    "chat:search": Row(anonymous=SIGN_IN, others=200, alice=200, data=lambda _: {"q": "plan"}),
    "chat:prompts": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "chat:prompt": Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda _: [Prompt.objects.get().id]),
    "chat:delete_prompt": Row(
        anonymous=SIGN_IN, others=404, dora=403, alice=200, method="post", args=lambda _: [Prompt.objects.get().id]
    ),
    "chat:prompt_choices": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "chat:prompt_body": Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=lambda _: [Prompt.objects.get().id]),
    "chat:upload": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=201,
        method="post",
        data=lambda has: {"conversation": has.conversation.id, "file": SimpleUploadedFile("note.txt", b"secret plan")},
    ),
    "chat:file": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda _: [File.objects.get().id]),
    "chat:discard_file": Row(anonymous=SIGN_IN, others=404, alice=204, method="post", args=lambda _: [File.objects.get().id]),
    "chat:chat_settings": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:feedback": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        args=lambda has: [has.ended.id],
        data=lambda _: {"thumb": "up"},
    ),
    "chat:details": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.ended.id]),
    "chat:budget": Row(anonymous=SIGN_IN, others=404, bob=200, alice=200, args=lambda has: [has.conversation.id]),
    "chat:share": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.conversation.id]),
    "chat:revoke_share": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [share_of(has).id]),
    # Whoever has the address may read.
    "chat:shared": Row(anonymous=200, others=200, alice=200, args=lambda has: [token_of(has)]),
    "chat:continue_share": Row(
        anonymous=SIGN_IN, others=200, dora=403, alice=200, method="post", args=lambda has: [token_of(has)]
    ),
    "chat:export": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.conversation.id]),
    "chat:your_data": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:export_all": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200, method="post"),
    "chat:export_progress": Row(anonymous=SIGN_IN, others=200, alice=200),
    "chat:delete_all": Row(anonymous=SIGN_IN, others=200, alice=200, method="post", data=lambda _: {"sure": "1"}),
    "chat:erase_me": Row(anonymous=SIGN_IN, others=200, alice=200),  # everybody of themselves, after their password
    "chat:stop": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.ended.run_id]),
    # Whoever it is for, there is nothing to continue: the reply has no text.
    "chat:continue": Row(anonymous=SIGN_IN, others=404, alice=409, method="post", args=lambda has: [has.failed.run_id]),
    "chat:edit": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        args=lambda has: [has.ended.parent_id],
        data=lambda has: {"prompt": "hello", "model": "openai/fake"},
    ),
    "chat:show": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.ended.id]),
    "chat:versions": Row(anonymous=SIGN_IN, others=404, alice=200, args=lambda has: [has.ended.id]),
    "chat:older": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        args=lambda has: [has.conversation.id],
        data=lambda has: {"before": has.ended.id},
    ),
    "chat:retry": Row(anonymous=SIGN_IN, others=404, alice=200, method="post", args=lambda has: [has.failed.run_id]),
    "chat:send": Row(
        anonymous=SIGN_IN,
        others=404,
        alice=200,
        method="post",
        data=lambda has: turn(has.conversation.id),
    ),
}

# The admin's routes by the shape of their names. Who may sign in but is no operator is refused at its door.
ADMIN = Row(anonymous=SIGN_IN, others=403, alice=403)
AT_THE_DOOR = Row(anonymous=SIGN_IN, others=403, dora=200, alice=403)
ADMIN_ROWS: list[tuple[str, Row]] = [
    (r"index|jsi18n|login|password_change|password_change_done", AT_THE_DOOR),
    (r"logout", ADMIN),  # it goes on to the product's chats, and Dora is in no workspace
    (r"app_list|view_on_site", Row(anonymous=SIGN_IN, others=403, dora=404, alice=403)),
    (r"autocomplete", ADMIN),
    (r"auth_user_password_change", ADMIN),
    (r"telemetry_accounting|telemetry_charts|\w+_(changelist|add|history|delete|change|reveal)", ADMIN),
]
# Without a name: the admin's redirect of old addresses, and what it does with addresses that it does not know.
UNNAMED = {"<path:object_id>/", "(?P<url>.*)$"}
