"""The whole list of models as the picker loads it: once it is opened, not with the page."""

import hashlib
from typing import Any

import msgspec
from django.utils import timezone

from gateway import prices
from gateway.shelves import ModelChoice, Shelf


def document(shelf: Shelf, role: str) -> tuple[bytes, str]:
    """The list for a role as JSON, and its entity tag; made once for each shelf and role."""
    found = shelf.documents.get(role)
    if found is None:
        now = timezone.now()
        body = msgspec.json.encode(
            {"models": [_row(choice, prices.price_of(choice, shelf, now=now)) for choice in shelf.visible(role)]}
        )
        found = shelf.documents[role] = (body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return found


def _row(choice: ModelChoice, price: prices.Price | None) -> dict[str, Any]:
    """One model; what is not known or not so is left out, as there may be thousands."""
    row: dict[str, Any] = {"path": choice.path, "label": choice.label, "provider": choice.provider}
    said = {"vision": choice.has_vision, "tools": choice.has_tools, "reasoning": choice.has_reasoning}
    row |= {name: "yes" if can else "no" for name, can in said.items() if can is not None}
    if choice.context_window:
        row["window"] = choice.context_window
    if price is not None:
        row["price"] = str(price)
    if choice.is_demo:
        row["isDemo"] = True
    if choice.stands_for:
        row["standsFor"] = choice.stands_for
    return row
