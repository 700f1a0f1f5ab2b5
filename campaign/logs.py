"""Logs: one event a line, on standard error, without an address, a token, a secret or a local variable.

JSON; for a person at a terminal, in words. What other libraries log comes out in the same form, but without the values
that they put into it: a path may hold the token of a letter, an error the name of a signer.
"""

import logging
import sys

import structlog
from structlog.typing import Processor

STAMP: tuple[Processor, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def init_logs() -> None:
    """Log events by name with their values; an exception only by its class, which its writer passes as a value."""
    structlog.configure(
        processors=[*STAMP, _renderer(is_terminal=sys.stderr.isatty())],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, Lines)] + [Lines(logging.WARNING)]
    _hush(logging.getLogger("gunicorn.error"))


def _renderer(*, is_terminal: bool) -> Processor:
    if is_terminal:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


class Lines(logging.Handler):
    """Writes what libraries log as events of ours: the text before values were put into it, and where it went wrong."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        error = record.exc_info[1] if record.exc_info else None
        about = told(error) if isinstance(error, Exception) else {}
        structlog.get_logger().log(record.levelno, _template(record), logger=record.name, **about)


def _template(record: logging.LogRecord) -> str:
    """What a library meant to say, without what it was about. Where it is no constant, only who said it and where."""
    text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    return text if record.args else f"{record.module} line {record.lineno}"


class _Hushed(logging.Filter):
    """gunicorn writes a line of its own, unless it would name a client's address or a request's path."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let notices through; anything worse comes out as ours do."""
        if record.levelno >= logging.WARNING:
            Lines().emit(record)
        return record.levelno < logging.WARNING


def _hush(logger: logging.Logger) -> None:
    if not any(isinstance(known, _Hushed) for known in logger.filters):
        logger.addFilter(_Hushed())


def told(error: Exception) -> dict[str, str]:
    """What may be told of an error: its class, the database's own code for it, and where in our code it came from."""
    return {"error": type(error).__name__, "reason": _reason(error), "at": _where(error)}


def _reason(error: Exception) -> str:
    """The database's own code for what went wrong, which holds no data of ours."""
    cause = getattr(error, "orig", None)
    return str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")


def _where(error: Exception) -> str:
    """The place in our code where an error came from."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        folder, _slash, name = trace.tb_frame.f_code.co_filename.rpartition("/campaign/")
        frames.append(f"{name}:{trace.tb_lineno}" if folder else "")
        trace = trace.tb_next
    return " ".join(frame for frame in frames if frame)[-200:]
