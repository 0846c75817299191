"""Secrets at rest: they come back for their own row only, and they never show themselves."""

import json
from typing import Any

import pytest
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.forms import modelform_factory

from accounts.encryption import DOTS, DecryptionError, KeyRing, dump_ring, make_key
from tests.accounts.conftest import NEW
from tests.accounts.vault import Vault

SECRET = "sk-test-0123456789-abcd"
pytestmark = pytest.mark.usefixtures("_old_ring")


def stored(row, column="api_key") -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM accounts_vault WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


def stored_secret() -> str:
    """What the only row holds."""
    return str(Vault.objects.get().api_key.reveal())


def test_it_gives_back_what_was_written(vault):
    row = vault.objects.create(api_key=SECRET)
    assert row.api_key.reveal() == SECRET
    assert vault.objects.get().api_key.reveal() == SECRET


def test_the_table_holds_neither_the_secret_nor_the_same_text_twice(vault):
    one, two = vault.objects.create(api_key=SECRET), vault.objects.create(api_key=SECRET)
    assert SECRET not in stored(one)
    assert stored(one).startswith("old:")
    assert stored(one) != stored(two)


def test_no_secret_is_null(vault):
    assert stored(vault.objects.create()) is None
    assert stored(vault.objects.create(api_key="")) is None
    assert vault.objects.first().api_key is None


def test_a_value_moved_to_another_row_does_not_open(vault):
    one, two = vault.objects.create(api_key=SECRET), vault.objects.create(api_key="another secret")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_vault SET api_key = %s WHERE id = %s", [stored(one), two.pk])
    with pytest.raises(DecryptionError, match="another row"):
        vault.objects.get(pk=two.pk).api_key.reveal()


def test_a_value_moved_to_another_column_does_not_open(vault):
    row = vault.objects.create(api_key=SECRET)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_vault SET other_key = api_key")
    with pytest.raises(DecryptionError):
        vault.objects.get(pk=row.pk).other_key.reveal()


def test_a_copied_row_is_refused_and_not_saved_unreadable(vault):
    row = vault.objects.get(pk=vault.objects.create(api_key=SECRET).pk)
    row.pk, row._state.adding = Vault().pk, True
    with pytest.raises(DecryptionError):
        row.save()


def test_a_key_that_left_the_ring_is_named(vault, both_keys):
    vault.objects.create(api_key=SECRET)
    both_keys(f"new:{NEW}")
    with pytest.raises(DecryptionError, match="'old' is not in OLLIVE_ENCRYPTION_KEYS"):
        vault.objects.get().api_key.reveal()


def test_another_key_under_the_same_id_is_an_error_and_not_garbage(vault, both_keys):
    vault.objects.create(api_key=SECRET)
    both_keys(f"old:{NEW}")
    with pytest.raises(DecryptionError, match="does not open"):
        vault.objects.get().api_key.reveal()


@pytest.mark.parametrize("damaged", ["old:AAAA", "old:!!", "old:", ""])
def test_a_damaged_value_is_an_error(vault, damaged):
    row = vault.objects.create(api_key=SECRET)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_vault SET api_key = %s", [damaged])
    with pytest.raises(DecryptionError):
        vault.objects.get(pk=row.pk).api_key.reveal()


def test_saving_another_column_leaves_the_stored_text_alone(vault):
    row = vault.objects.create(api_key=SECRET)
    before = stored(row)
    again = vault.objects.get()
    again.label = "changed"
    again.save()
    assert stored(row) == before


def test_a_deferred_secret_is_read_when_it_is_asked_for(vault):
    vault.objects.create(api_key=SECRET)
    assert vault.objects.defer("api_key").get().api_key.reveal() == SECRET


def test_rows_made_in_bulk_are_encrypted_for_themselves(vault):
    vault.objects.bulk_create([Vault(api_key="first secret here"), Vault(api_key="second secret here")])
    assert sorted(row.api_key.reveal() for row in vault.objects.all()) == ["first secret here", "second secret here"]


def test_it_refuses_an_update_that_has_no_row(vault):
    vault.objects.create(api_key=SECRET)
    with pytest.raises(TypeError, match="set it on the instance"):
        vault.objects.update(api_key="sk-other")


def test_nobody_can_search_for_a_secret(vault):
    with pytest.raises(FieldError):
        vault.objects.filter(api_key=SECRET).exists()
    with pytest.raises(FieldError):
        vault.objects.filter(api_key__startswith="old:").exists()
    assert not vault.objects.filter(api_key__isnull=False).exists()


def test_it_shows_dots_wherever_it_is_printed(vault):
    row = vault.objects.create(api_key=SECRET)
    assert {str(row.api_key), repr(row.api_key), f"{row.api_key}", "%s" % row.api_key} == {DOTS}  # noqa: UP031
    assert SECRET not in json.dumps(vars(row), default=str)
    assert row.api_key.last_four == "abcd"


def test_a_short_secret_does_not_even_show_its_end(vault):
    assert vault.objects.create(api_key="hunter2").api_key.last_four == ""


def test_a_form_never_shows_it_and_keeps_it_when_left_empty(vault):
    row = vault.objects.create(label="mine", api_key=SECRET)
    form_class = modelform_factory(Vault, fields=["label", "api_key"])
    assert SECRET not in str(form_class(instance=row))
    kept = form_class({"label": "mine", "api_key": ""}, instance=vault.objects.get())
    assert not kept.has_changed()
    kept.save()
    assert stored_secret() == SECRET
    replaced = form_class({"label": "mine", "api_key": "sk-new-one-4321"}, instance=vault.objects.get())
    replaced.save()
    assert stored_secret() == "sk-new-one-4321"


def test_a_field_takes_no_number_for_a_secret():
    with pytest.raises(TypeError):
        Vault(api_key=5)


def test_the_key_of_the_first_start_has_the_id_1():
    assert KeyRing.parse(make_key()).first == "1"


def test_a_ring_is_written_as_it_is_read():
    ring = KeyRing.parse(f"b:{make_key()}, a:{make_key()}")
    assert KeyRing.parse(dump_ring(ring)) == ring
    assert ring.first == "b"


def test_a_ring_does_not_print_its_keys():
    key = make_key()
    assert key not in repr(KeyRing.parse(key))


@pytest.mark.parametrize(
    "ring",
    ["", "a:short", f"a:{make_key()},a:{make_key()}", f"a b:{make_key()}", "a:" + "é" * 43],
    ids=["nothing", "a short key", "one id twice", "a space in an id", "letters that are no base64"],
)
def test_it_refuses_a_ring_that_is_not_one(ring):
    with pytest.raises(ImproperlyConfigured, match="OLLIVE_ENCRYPTION_KEYS"):
        KeyRing.parse(ring)


def test_a_start_with_a_ring_that_is_not_one_ends_with_a_sentence(settings):
    settings.OLLIVE_ENCRYPTION_KEYS = "a:short"
    with pytest.raises(SystemCheckError, match="the key a is not 32 bytes"):
        call_command("check")
