"""What is known of a base model before it is used: its folder or hub id, its template, its weights unchanged."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from django.conf import settings

from reviewapp.core.exceptions import ApplicationError
from reviewapp.runs import basefolder
from reviewapp.runs.models import BaseModel
from reviewapp.words import say
from training.contract import ModelSpec, Template

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def of_folder(path: str) -> tuple[str, dict[str, Any]]:
    try:
        folder = basefolder.resolve(path, settings.MODEL_DIRS)
        return str(folder), basefolder.inspect(folder).as_json()
    except basefolder.BaseFolderError as error:
        raise ApplicationError(str(error)) from error


def of_hub(path: str) -> tuple[str, dict[str, Any]]:
    clean = path.strip()
    if not _HUB_ID.fullmatch(clean):
        raise ApplicationError(say("%(clean)s is no hub id. Write it as organisation/model.", clean=f"{clean!r}"))
    return clean, {}


def template_of(values: dict[str, Any] | None) -> dict[str, Any]:
    try:
        return dataclasses.asdict(Template(**(values or {})))
    except TypeError as error:
        raise ApplicationError(say("The template has an unknown setting: %(error)s.", error=error)) from error


def base_model_check(base: BaseModel) -> None:
    """Raises ApplicationError when the folder is gone or holds other weights than were registered."""
    if base.is_hub:
        return
    folder = Path(base.path)
    if not folder.is_dir():
        raise ApplicationError(
            say(
                "The folder of base model %(base_name)s is gone: %(path)s. Put it back or register it anew.",
                base_name=base.name,
                path=base.path,
            )
        )
    try:
        basefolder.weight_files(folder)
        found = basefolder.fingerprint(folder)
    except basefolder.BaseFolderError as error:
        raise ApplicationError(str(error)) from error
    if found != base.facts.get("weights_sha256"):
        raise ApplicationError(
            say(
                "The weights of base model %(base_name)s are not the ones that were registered. Register the "
                "folder under a new name if the change is wanted.",
                base_name=base.name,
            )
        )


def model_spec(base: BaseModel) -> ModelSpec:
    return ModelSpec(path=base.path, is_hub=base.is_hub, revision=base.revision)
