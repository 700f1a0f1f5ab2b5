"""The web application for a WSGI server: gunicorn wsgi:app."""

import sys

from campaign.app import create_app
from campaign.errors import Misconfigured

try:
    app = create_app()
except Misconfigured as error:
    sys.exit(f"Campaign cannot start. {error}")
