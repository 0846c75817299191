"""Signing in and out. Of allauth's pages only those that we use are opened."""

from allauth.account import views as allauth_views
from allauth.mfa.base import views as mfa_views
from allauth.mfa.recovery_codes import views as code_views
from allauth.mfa.totp import views as app_views
from allauth.mfa.webauthn import views as passkey_views
from django.urls import path, re_path

from accounts.views import (
    appearance,
    audit,
    joining,
    keys,
    members,
    passwords,
    profile,
    providers,
    security,
    sign_in,
    workspace,
)

urlpatterns = [
    path("accounts/login/", allauth_views.login, name="account_login"),
    path("accounts/logout/", allauth_views.logout, name="account_logout"),
    path("accounts/link/<str:token>/", sign_in.sign_in_link, name="account_sign_in_link"),
    re_path(r"^accounts/(?P<provider_id>oidc)/login/$", providers.provider_login, name="openid_connect_login"),
    re_path(r"^accounts/(?P<provider_id>oidc)/login/callback/$", providers.provider_callback, name="openid_connect_callback"),
    path("accounts/password/reset/", passwords.reset, name="reset_password"),
    path("accounts/password/reset/sent/", passwords.reset_done, name="account_reset_password_done"),
    path("accounts/password/reset/done/", passwords.reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^accounts/password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        passwords.reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("accounts/code/", mfa_views.authenticate, name="mfa_authenticate"),
    path("accounts/passkey/", passkey_views.login_webauthn, name="mfa_login_webauthn"),
    path("accounts/confirm/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("accounts/confirm/code/", mfa_views.reauthenticate, name="mfa_reauthenticate"),
    path("accounts/confirm/passkey/", passkey_views.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    # A person's own settings.
    path("settings/", profile.settings, name="settings"),
    path("settings/profile/", profile.profile, name="profile"),
    path("settings/profile/email/<str:token>/", profile.confirm_email, name="confirm_email"),
    path("settings/profile/time-zone/", profile.time_zone, name="time_zone"),
    path("settings/switch/", profile.switch_workspace, name="switch_workspace"),
    path("settings/appearance/", appearance.appearance, name="appearance"),
    path("settings/appearance/theme/", appearance.theme, name="theme"),
    path("settings/sign-in/", security.sign_in_settings, name="sign_in_settings"),
    path("settings/sign-in/password/", allauth_views.password_change, name="account_change_password"),
    path("settings/sign-in/password/set/", allauth_views.password_set, name="account_set_password"),
    path("settings/sign-in/sessions/end/", security.end_sessions, name="end_sessions"),
    path("settings/sign-in/sessions/<str:token>/end/", security.end_one_session, name="end_session"),
    path("settings/sign-in/steps/", security.to_sign_in_settings, name="mfa_index"),
    path("settings/sign-in/app/", app_views.activate_totp, name="mfa_activate_totp"),
    path("settings/sign-in/app/remove/", app_views.deactivate_totp, name="mfa_deactivate_totp"),
    path("settings/sign-in/codes/", code_views.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("settings/sign-in/codes/new/", code_views.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("settings/sign-in/codes/download/", code_views.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("settings/sign-in/passkeys/", security.to_sign_in_settings, name="mfa_list_webauthn"),
    path("settings/sign-in/passkeys/add/", passkey_views.add_webauthn, name="mfa_add_webauthn"),
    path("settings/sign-in/passkeys/<int:pk>/remove/", passkey_views.remove_webauthn, name="mfa_remove_webauthn"),
    path("settings/sign-in/passkeys/<int:pk>/name/", passkey_views.edit_webauthn, name="mfa_edit_webauthn"),
    path("join/<str:token>/", joining.invitation, name="invitation"),
    path("settings/workspace/", workspace.workspace_page, name="workspace"),
    path("settings/workspace/rename/", workspace.rename, name="rename_workspace"),
    path("settings/workspace/create/", workspace.create, name="create_workspace"),
    path("settings/workspace/leave/", members.leave, name="leave_workspace"),
    path("settings/members/", members.members_page, name="members"),
    path("settings/members/invite/", members.invite, name="invite"),
    path("settings/members/invitations/<uuid:invitation_id>/revoke/", members.revoke_invitation, name="revoke_invitation"),
    path("settings/members/<int:member_id>/role/", members.change_role, name="change_role"),
    path("settings/members/<int:member_id>/owner/", members.transfer, name="transfer_ownership"),
    path("settings/members/<int:member_id>/remove/", members.remove, name="remove_member"),
    path("settings/api-keys/", keys.keys_page, name="api_keys"),
    path("settings/api-keys/create/", keys.create, name="create_key"),
    path("settings/api-keys/<uuid:key_id>/", keys.key, name="api_key"),
    path("settings/api-keys/<uuid:key_id>/rotate/", keys.rotate, name="rotate_key"),
    path("settings/api-keys/<uuid:key_id>/revoke/", keys.revoke, name="revoke_key"),
    path("settings/audit-log/", audit.audit_page, name="audit_log"),
    path("settings/audit-log/csv/", audit.audit_csv, name="audit_csv"),
]
