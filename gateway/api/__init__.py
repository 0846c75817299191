"""The REST API of models, prices, budgets and webhooks, for automation."""

from ninja import Router

from gateway.api import alerts, budgets, models, prices, webhooks

router = Router()
router.add_router("", alerts.router)
router.add_router("", budgets.router)
router.add_router("", models.router)
router.add_router("", prices.router)
router.add_router("", webhooks.router)
