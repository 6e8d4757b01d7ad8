from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext

from reviewapp import words


class CoreConfig(AppConfig):
    name = "reviewapp.core"

    def ready(self) -> None:
        words.translate_with(gettext)
