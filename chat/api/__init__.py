"""The REST API of conversations."""

from ninja import Router

router = Router()
