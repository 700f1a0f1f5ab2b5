"""The web application for a WSGI server: gunicorn wsgi:app."""

import sys

from campaign.app import create_app
from campaign.errors import Misconfigured

HALT = 3
"""The status on which gunicorn gives up, instead of starting its workers again and again."""

try:
    app = create_app()
except Misconfigured as error:
    print(f"Campaign cannot start. {error}", file=sys.stderr)
    sys.exit(HALT)
