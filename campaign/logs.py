"""Logs: one JSON object a line, on standard error, without an address, a token, a secret or a local variable."""

import logging
import sys

import structlog


def init_logs() -> None:
    """Log events by name with their values; an exception only by its class, which its writer passes as a value."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
