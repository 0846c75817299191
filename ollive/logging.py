"""JSON logs with the keys `message`, `level`, `timestamp`; the redactor is the last thing before they are written."""

import logging.config
from typing import Any

import structlog

OURS = ("level", "timestamp", "logger")  # what nobody else has a say in


def configure(options: dict[str, Any]) -> None:
    """Django's `LOGGING_CONFIG`: `options` has `level` and `echo_sql`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
    ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        redact_entry,
                        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
                    ],
                },
            },
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["console"], "level": options["level"]},
            "loggers": {
                "django.db.backends": {"level": "DEBUG" if options["echo_sql"] else "INFO"},
                "daphne": {"level": "WARNING"},
                "LiteLLM": {"level": "ERROR"},
                "httpx": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def redact_entry(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Replace personal data and secrets in every string of a log entry."""
    from telemetry.redaction import redact_json  # the settings are read before the apps are

    ours = {name: entry.pop(name) for name in OURS if name in entry}
    redacted: dict[str, Any] = redact_json(entry)
    return redacted | ours
