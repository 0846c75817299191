"""The REST API of models, prices, budgets and webhooks, for automation."""

from ninja import Router

router = Router()
