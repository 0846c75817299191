"""Moving stored secrets to the ring's first key, and knowing which keys are still needed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models
from django.db.models.functions import Cast

from accounts import second_factor
from accounts.encryption import DecryptionError, EncryptedTextField, Sealed, key_ring, row_context

BATCH = 100


@dataclass(slots=True)
class Rotation:
    """What one run did. `unreadable` names rows whose value does not open; they are left as they are."""

    rotated_count: int = 0
    unreadable: list[str] = field(default_factory=list)


def models_with_secrets() -> list[type[models.Model]]:
    return [*(model for model in apps.get_models() if _secret_fields(model)), Authenticator]


def keys_in_use(tables: Iterable[type[models.Model]]) -> Counter[str]:
    """How many stored secrets each key id still opens."""
    known = list(tables)
    counts = Counter(
        stored.partition(":")[0]
        for model in known
        for secret in _secret_fields(model)
        for stored in _stored(model, secret).values_list("stored", flat=True).iterator()
    )
    if Authenticator in known:
        counts.update(
            text.partition(":")[0] for row in Authenticator.objects.iterator() for text in second_factor.sealed(row).values()
        )
    return counts


def rotate(tables: Iterable[type[models.Model]]) -> Rotation:
    """Encrypt with the first key whatever another one holds. Interrupted, it goes on where it stopped.

    Each value is moved by its own UPDATE, on the condition that it is still the one that was read: an edit made
    meanwhile wins.
    """
    done = Rotation()
    for model in tables:
        for secret in _secret_fields(model):
            _rotate_column(model, secret, done)
        if model is Authenticator:
            _rotate_authenticators(done)
    return done


def _rotate_authenticators(done: Rotation) -> None:
    """allauth keeps what is secret of a second factor inside a JSON column."""
    ring = key_ring()
    for row in Authenticator.objects.order_by("pk").iterator():
        old = {name: text for name, text in second_factor.sealed(row).items() if not text.startswith(f"{ring.first}:")}
        try:
            moved = {
                name: ring.seal(ring.unseal(text, second_factor.CONTEXT), second_factor.CONTEXT) for name, text in old.items()
            }
        except DecryptionError as error:
            done.unreadable.append(f"{Authenticator._meta.label} {row.pk}: {error}")
            continue
        if moved:
            done.rotated_count += Authenticator.objects.filter(pk=row.pk, data=row.data).update(data=row.data | moved)


def _rotate_column(model: type[models.Model], secret: EncryptedTextField, done: Rotation) -> None:
    ring = key_ring()
    waiting = _stored(model, secret).exclude(stored__startswith=f"{ring.first}:").order_by("pk")
    rows: list[dict[str, Any]] = list(waiting.values("pk", "stored")[:BATCH])
    while rows:
        for row in rows:
            context = row_context(model(pk=row["pk"]), secret)
            try:
                moved = Sealed(ring.seal(ring.unseal(row["stored"], context), context))
            except DecryptionError as error:
                done.unreadable.append(f"{model._meta.label} {row['pk']}: {error}")
                continue
            done.rotated_count += waiting.filter(pk=row["pk"], stored=row["stored"]).update(**{secret.attname: moved})
        rows = list(waiting.filter(pk__gt=rows[-1]["pk"]).values("pk", "stored")[:BATCH])


def _stored(model: type[models.Model], secret: EncryptedTextField) -> models.QuerySet[Any]:
    """The rows with a secret, `stored` being its text as it lies in the table."""
    held = model._base_manager.filter(**{f"{secret.attname}__isnull": False})
    with_text: models.QuerySet[Any] = held.annotate(stored=Cast(secret.attname, models.TextField()))
    return with_text


def _secret_fields(model: type[models.Model]) -> list[EncryptedTextField]:
    return [column for column in model._meta.local_concrete_fields if isinstance(column, EncryptedTextField)]
