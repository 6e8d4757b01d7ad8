"""What the web server calls."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")
application = get_wsgi_application()

# Everything is loaded before the server forks: its processes share it, and their collector does not look at it again.
len(get_resolver().url_patterns)
gc.collect()
gc.freeze()
