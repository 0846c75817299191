"""Django's registration of the app, and of the admin that it lets operators into."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.core import checks


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.checks import check_key_ring

        checks.register(check_key_ring)


class OperatorAdminConfig(admin_apps.AdminConfig):
    """Django's admin, entered through Ollive's own sign-in."""

    default = False
    default_site = "accounts.admin_site.OperatorSite"
