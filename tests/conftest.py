"""Fixtures of every test. The servers are started by `tests.embedded_servers`."""

from collections.abc import Iterator

import pytest
import pytest_django
from django.conf import settings
from django.db import connection
from django.test import override_settings

from tests.asking import asking_server, caller
from tests.people import alice, bob, charlie, dora, workspace
from tests.programs import program, programs_server

__all__ = ["alice", "asking_server", "bob", "caller", "charlie", "dora", "program", "programs_server", "workspace"]


@pytest.fixture(scope="session", autouse=True)
def _static_files_where_they_lie() -> Iterator[None]:
    """Serve them from the source folders: `collectstatic` would cost each run seconds."""
    plain = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STORAGES=plain, WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """Between tests that commit, Django empties every table: the audit log's guard against that is switched off."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER audit_log_is_never_emptied")
