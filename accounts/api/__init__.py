"""The REST API of keys, people and workspaces, for automation."""

from ninja import Router

router = Router()
