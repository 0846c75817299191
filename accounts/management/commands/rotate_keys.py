"""`manage.py rotate_keys`: a new encryption key, step by step, without a moment when a secret cannot be read.

1. `rotate_keys --add 2` puts a new key first in the ring. Restart Ollive, so that every process knows it.
2. `rotate_keys` encrypts everything with the first key. It can be interrupted and started again.
3. `rotate_keys --drop 1` takes the old key away. It refuses while a secret still needs it.
"""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from accounts.encryption import KeyRing, dump_ring, key_ring, make_key
from accounts.rotation import keys_in_use, models_with_secrets, rotate


class Command(BaseCommand):
    help = "Encrypt all stored secrets with the first key of the ring; --add and --drop change the ring."

    def add_arguments(self, parser: ArgumentParser) -> None:
        change = parser.add_mutually_exclusive_group()
        change.add_argument("--add", metavar="ID", help="Put a new key with this id first in the ring.")
        change.add_argument("--drop", metavar="ID", help="Take this key out of the ring, unless a secret needs it.")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["add"]:
            self._add(options["add"])
        elif options["drop"]:
            self._drop(options["drop"])
        else:
            self._rotate()

    def _rotate(self) -> None:
        done = rotate(models_with_secrets())
        for line in done.unreadable:
            self.stderr.write(line)
        if done.unreadable:
            raise CommandError(f"Encrypted {done.rotated_count} again; {len(done.unreadable)} could not be read and were left.")
        idle = sorted(key_ring().keys.keys() - keys_in_use(models_with_secrets()).keys() - {key_ring().first})
        self.stdout.write(f"Encrypted {done.rotated_count} again with the key {key_ring().first}.")
        if idle:
            self.stdout.write(f"No longer needed: {', '.join(idle)}. Drop a key with: rotate_keys --drop ID")

    def _add(self, key_id: str) -> None:
        try:
            ring = KeyRing.parse(f"{key_id}:{make_key()},{dump_ring(key_ring())}")
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self._keep(ring)
        self.stdout.write("Restart Ollive, then run: rotate_keys")

    def _drop(self, key_id: str) -> None:
        ring = key_ring()
        if key_id not in ring.keys:
            raise CommandError(f"There is no key {key_id} in the ring.")
        if key_id == ring.first:
            raise CommandError(f"The key {key_id} is the one that encrypts. Add another first: rotate_keys --add ID")
        if count := keys_in_use(models_with_secrets())[key_id]:
            raise CommandError(f"The key {key_id} is in use: {count} stored secrets need it. Run rotate_keys first.")
        left = {name: key for name, key in ring.keys.items() if name != key_id}
        self._keep(KeyRing(first=ring.first, keys=left))

    def _keep(self, ring: KeyRing) -> None:
        """Write the ring where the first start made it; one that comes from the environment is the operator's to change."""
        path = Path(settings.OLLIVE_DATA_DIR) / "secrets" / "ollive_encryption_keys"
        if not path.exists() or path.read_text().strip() != settings.OLLIVE_ENCRYPTION_KEYS:
            self.stdout.write(f"Set this where Ollive's environment is kept:\nOLLIVE_ENCRYPTION_KEYS={dump_ring(ring)}")
            return
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(dump_ring(ring))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self.stdout.write(f"The ring in {path} has the keys {', '.join(ring.keys)}.")
