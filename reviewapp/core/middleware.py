"""Turns a refusal that no view caught into a page that says what to do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from reviewapp.core.exceptions import ApplicationError


class ApplicationErrorMiddleware(MiddlewareMixin):
    """Views that know better show the message beside the form; this is the net below them."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ApplicationError):
            return None
        return render(request, "refused.html", {"message": exception.message}, status=422)
