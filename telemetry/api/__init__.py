"""The REST API of what is recorded."""

from ninja import Router

from telemetry.api import analytics, dashboards, datasets, logs, scores, timeseries

router = Router()
router.add_router("", analytics.router)
router.add_router("", dashboards.router)
router.add_router("", datasets.router)
router.add_router("", logs.router)
router.add_router("", scores.router)
router.add_router("", timeseries.router)
