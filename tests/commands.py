"""The `campaign` command in this process: a process of its own takes seconds to start."""

import os
from collections.abc import Callable
from contextvars import Context

from click.testing import CliRunner, Result
from flask import has_app_context

from campaign.cli import main
from campaign.db import db

Run = Callable[..., Result]


def runner(environ: dict[str, str]) -> Run:
    """`campaign …` in this process, with this environment and nothing of ours."""
    unset = {name: None for name in os.environ if name.startswith("CAMPAIGN_")}

    def run(*arguments: str, typed: str = "") -> Result:
        def inside() -> Result:
            result = CliRunner(env={**unset, **environ}).invoke(main, list(arguments), input=typed)
            if has_app_context():  # the command's own, which a process would take with it
                db.session.remove()
                db.engine.dispose()
            return result

        if has_app_context():
            db.session.commit()
        result = Context().run(inside)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        return result

    return run
