"""What the tests of accounts share."""

import pytest
from django.db import connection

from accounts.encryption import make_key
from tests.accounts.vault import Vault

OLD, NEW = make_key(), make_key()


@pytest.fixture
def vault(db):
    """The table exists for one test; creating it is undone with the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE accounts_vault (id uuid PRIMARY KEY, label varchar(50) NOT NULL, api_key text, other_key text)"
        )
    return Vault


@pytest.fixture
def _old_ring(settings):
    settings.OLLIVE_ENCRYPTION_KEYS = f"old:{OLD}"


@pytest.fixture
def both_keys(settings):
    """Call it to put the new key first, as an operator does on the way to drop the old one."""

    def change(ring: str = f"new:{NEW},old:{OLD}") -> None:
        settings.OLLIVE_ENCRYPTION_KEYS = ring

    return change
