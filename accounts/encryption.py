"""Secrets at rest: a ring of keys, and a model field whose value can be read only from the row it was written to.

Stored form: `<key id>:<base64url of nonce + ciphertext + tag>`, AES-256-GCM. The key id, the table, the column and the
row's primary key are authenticated with it, so a value copied into another row, or another column, does not open.
Renaming such a table or column therefore needs the values to be read before and written after.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

KEY_BYTES = 32
NONCE_BYTES = 12
DOTS = "••••••••"


class DecryptionError(Exception):
    """A stored secret does not open: its key left the ring, or is another one, or the value was moved between rows."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The installation's keys by id. The first one encrypts; the others still open what they closed."""

    first: str
    keys: Mapping[str, bytes] = dataclass_field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `id:key,id:key`; keys are 32 bytes in urlsafe base64.

        A key without an id, as the first start makes it, has the id `1`.
        """
        keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            key_id, _, encoded = entry.rpartition(":")
            key_id = key_id or "1"
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id):
                raise ImproperlyConfigured("OLLIVE_ENCRYPTION_KEYS: an id is 1 to 32 letters, digits, - or _.")
            if key_id in keys:
                raise ImproperlyConfigured(f"OLLIVE_ENCRYPTION_KEYS: the id {key_id} is there twice.")
            keys[key_id] = _decode_key(key_id, encoded)
        if not keys:
            raise ImproperlyConfigured("OLLIVE_ENCRYPTION_KEYS is empty.")
        return cls(first=next(iter(keys)), keys=keys)

    def seal(self, plain: str, context: bytes) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        closed = AESGCM(self.keys[self.first]).encrypt(nonce, plain.encode(), _associated(self.first, context))
        return f"{self.first}:{base64.urlsafe_b64encode(nonce + closed).decode()}"

    def unseal(self, stored: str, context: bytes) -> str:
        """Raise `DecryptionError` when it cannot be read; never return something else than what was written."""
        key_id, _, encoded = stored.partition(":")
        key = self.keys.get(key_id)
        if key is None:
            raise DecryptionError(f"The key {key_id!r} is not in OLLIVE_ENCRYPTION_KEYS. Put it back to read what it encrypted.")
        try:
            closed = base64.b64decode(encoded, altchars=b"-_", validate=True)
            return AESGCM(key).decrypt(closed[:NONCE_BYTES], closed[NONCE_BYTES:], _associated(key_id, context)).decode()
        except (InvalidTag, ValueError) as error:
            raise DecryptionError(
                f"The key {key_id!r} does not open this value: another key has taken its id, or the value belongs to another row."
            ) from error


def _decode_key(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError:  # not base64, or not even ASCII
        key = b""
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(f"OLLIVE_ENCRYPTION_KEYS: the key {key_id} is not 32 bytes in urlsafe base64.")
    return key


def _associated(key_id: str, context: bytes) -> bytes:
    return key_id.encode() + b"\0" + context


def make_key() -> str:
    """A new key, as `OLLIVE_ENCRYPTION_KEYS` takes it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")


def key_ring() -> KeyRing:
    """The ring of this installation."""
    return _parsed(settings.OLLIVE_ENCRYPTION_KEYS)


@lru_cache(maxsize=4)
def _parsed(text: str) -> KeyRing:
    return KeyRing.parse(text)


def dump_ring(ring: KeyRing) -> str:
    """The ring as `OLLIVE_ENCRYPTION_KEYS` takes it, every key with its id."""
    encoded = {key_id: base64.urlsafe_b64encode(key).decode().rstrip("=") for key_id, key in ring.keys.items()}
    return ",".join(f"{key_id}:{key}" for key_id, key in encoded.items())


class Sealed(str):
    """The stored form of a secret, told apart from a plain one by its type."""

    __slots__ = ()


class Secret:
    """A secret in hand. It prints, formats and serialises as dots: only `reveal()` gives it away."""

    __slots__ = ("_context", "_value")

    def __init__(self, value: str, context: bytes = b"") -> None:
        self._value = value
        self._context = context

    def reveal(self) -> str:
        return key_ring().unseal(self._value, self._context) if isinstance(self._value, Sealed) else str(self._value)

    @property
    def last_four(self) -> str:
        """What a page may show of it; nothing of a secret so short that four characters give it away."""
        plain = self.reveal()
        return plain[-4:] if len(plain) >= 12 else ""

    def __str__(self) -> str:
        return DOTS

    __repr__ = __str__


def row_context(instance: models.Model, field: models.Field[Any, Any]) -> bytes:
    """What a value is bound to: its table, column and row."""
    if instance.pk is None:
        raise ValueError("A row needs its primary key before a secret of it can be encrypted: give the model a UUID key.")
    return b"\0".join((field.model._meta.db_table.encode(), str(field.column).encode(), str(instance.pk).encode()))


class _SecretAttribute:
    """Gives a `Secret` (or None) out of what the row holds, and takes a str, a `Secret` or None."""

    def __init__(self, owner: "EncryptedTextField") -> None:
        self.field = owner

    def __get__(self, instance: models.Model | None, _owner: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        name = self.field.attname
        if name not in instance.__dict__:
            instance.refresh_from_db(fields=[name])  # the column was deferred
        held = instance.__dict__[name]
        return Secret(held, row_context(instance, self.field)) if isinstance(held, Sealed) else held

    def __set__(self, instance: models.Model, value: Any) -> None:
        if value is not None and not isinstance(value, str | Secret):
            raise TypeError("A secret is a str or None.")
        if isinstance(value, str) and not isinstance(value, Sealed):
            value = Secret(value)
        instance.__dict__[self.field.attname] = value


class SecretFormField(forms.CharField):
    """A box that never shows what is stored. Left empty, it keeps it."""

    widget = forms.PasswordInput

    def has_changed(self, _initial: Any, data: Any) -> bool:
        return bool(data)


class EncryptedTextField(models.TextField[str | Secret | None, Secret | None]):
    """A secret text. Reading gives a `Secret` or None; "no secret" is always NULL, never an empty string.

    The row is needed to encrypt, so it is written by `save()` and `bulk_create()`; `QuerySet.update()` is refused, and
    so is every lookup but `isnull`. It is left out of `dumpdata`.
    """

    descriptor_class = _SecretAttribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(null=True, blank=True, serialize=False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("null", "blank", "serialize"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs

    def from_db_value(self, value: str | None, *_: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def to_python(self, value: Any) -> Any:
        return value

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        value = getattr(model_instance, self.attname)
        held = model_instance.__dict__[self.attname]
        if isinstance(held, Sealed) and not add:
            return held
        if not isinstance(value, Secret) or not (plain := value.reveal()):
            return None
        sealed = Sealed(key_ring().seal(plain, row_context(model_instance, self)))
        model_instance.__dict__[self.attname] = sealed
        return sealed

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Sealed):
            return None if value is None else str(value)
        raise TypeError("A secret is encrypted for its row: set it on the instance and save that.")

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def value_to_string(self, obj: models.Model) -> str:
        return DOTS

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if data:
            super().save_form_data(instance, data)

    def formfield(self, **kwargs: Any) -> Any:
        kwargs = {"label": str(self.verbose_name).capitalize(), "help_text": self.help_text} | kwargs
        return SecretFormField(required=False, label=kwargs["label"], help_text=kwargs["help_text"])
