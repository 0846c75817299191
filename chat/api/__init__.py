"""The REST API of conversations."""

from ninja import Router

from chat.api import conversations, messages, search

router = Router()
router.add_router("", conversations.router)
router.add_router("", messages.router)
router.add_router("", search.router)
