"""The REST API of what is recorded."""

from ninja import Router

router = Router()
