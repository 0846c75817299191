"""A new key, step by step; at each step every secret can be read."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import rotation
from accounts.encryption import KeyRing
from accounts.management.commands import rotate_keys
from accounts.rotation import keys_in_use, rotate
from tests.accounts.conftest import NEW, OLD
from tests.accounts.vault import Vault

pytestmark = pytest.mark.usefixtures("_old_ring")


@pytest.fixture
def five(vault, monkeypatch):
    monkeypatch.setattr(rotate_keys, "models_with_secrets", lambda: [Vault])
    return [vault.objects.create(label=str(number), api_key=f"secret number {number}") for number in range(5)]


def secrets_in_order() -> list[str]:
    return [row.api_key.reveal() for row in Vault.objects.order_by("label")]


EXPECTED = [f"secret number {number}" for number in range(5)]


def test_it_moves_every_secret_to_the_first_key(five, both_keys):
    both_keys()
    assert secrets_in_order() == EXPECTED
    assert rotate([Vault]).rotated_count == 5
    assert keys_in_use([Vault]) == {"new": 5}
    both_keys(f"new:{NEW}")
    assert secrets_in_order() == EXPECTED


def test_it_goes_on_where_it_was_interrupted(five, both_keys, monkeypatch):
    both_keys()
    seal = KeyRing.seal
    sealed: list[str] = []

    def fail_at_the_third(ring, plain, context):
        if len(sealed) == 2:
            raise KeyboardInterrupt
        sealed.append(plain)
        return seal(ring, plain, context)

    with monkeypatch.context() as patch:
        patch.setattr(KeyRing, "seal", fail_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            rotate([Vault])
    assert keys_in_use([Vault]) == {"new": 2, "old": 3}
    assert secrets_in_order() == EXPECTED
    assert rotate([Vault]).rotated_count == 3
    assert secrets_in_order() == EXPECTED


def test_more_than_a_batch_is_moved(five, both_keys, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 2)
    both_keys()
    assert rotate([Vault]).rotated_count == 5


def test_a_secret_that_was_changed_meanwhile_is_left_as_it_was_changed(five, both_keys, monkeypatch):
    both_keys()
    unseal = KeyRing.unseal

    def edit_meanwhile(ring, text, context):
        Vault.objects.filter(label="0").update(label="edited")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_vault SET api_key = NULL WHERE label = 'edited'")
        return unseal(ring, text, context)

    monkeypatch.setattr(KeyRing, "unseal", edit_meanwhile)
    assert rotate([Vault]).rotated_count == 4
    assert Vault.objects.get(label="edited").api_key is None


def test_one_that_cannot_be_read_is_named_and_does_not_stop_the_others(five, both_keys, capsys):
    both_keys()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_vault SET api_key = 'lost:AAAA' WHERE label = '2'")
    with pytest.raises(CommandError, match="Encrypted 4 again; 1 could not be read"):
        call_command("rotate_keys")
    assert str(five[2].pk) in capsys.readouterr().err


def test_it_refuses_to_drop_a_key_in_use(five, both_keys):
    both_keys()
    with pytest.raises(CommandError, match="in use: 5 stored secrets"):
        call_command("rotate_keys", drop="old")


@pytest.mark.parametrize(("key_id", "said"), [("new", "the one that encrypts"), ("other", "no key other")])
def test_it_refuses_to_drop_the_first_key_and_one_it_does_not_have(five, both_keys, key_id, said):
    both_keys()
    with pytest.raises(CommandError, match=said):
        call_command("rotate_keys", drop=key_id)


def test_a_ring_in_the_data_folder_is_added_to_and_taken_from(five, settings, tmp_path):
    settings.OLLIVE_DATA_DIR = tmp_path
    file = tmp_path / "secrets" / "ollive_encryption_keys"
    file.parent.mkdir()
    file.write_text(settings.OLLIVE_ENCRYPTION_KEYS)
    call_command("rotate_keys", add="2")
    assert file.stat().st_mode & 0o777 == 0o600
    settings.OLLIVE_ENCRYPTION_KEYS = file.read_text()
    assert settings.OLLIVE_ENCRYPTION_KEYS.startswith("2:")
    call_command("rotate_keys")
    call_command("rotate_keys", drop="old")
    settings.OLLIVE_ENCRYPTION_KEYS = file.read_text()
    assert OLD not in file.read_text()
    assert secrets_in_order() == EXPECTED


def test_a_ring_of_the_environment_is_printed_for_the_operator_to_set(five, settings, tmp_path, capsys):
    settings.OLLIVE_DATA_DIR = tmp_path
    call_command("rotate_keys", add="2")
    assert f"old:{OLD}" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
