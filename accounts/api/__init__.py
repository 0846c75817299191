"""The REST API of keys, people and workspaces, for automation."""

from ninja import Router

from accounts.api import keys, people, workspaces

router = Router()
router.add_router("", keys.router)
router.add_router("", people.router)
router.add_router("", workspaces.router)
