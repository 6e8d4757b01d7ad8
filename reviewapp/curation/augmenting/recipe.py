"""A recipe: all that the texts depend on beside their parents, in one spelling with a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.augmenting import facts, measuring, noise, rewording
from reviewapp.curation.augmenting.rewording import TemplateError, templates_read
from reviewapp.curation.models import Augmentation
from training.contract import canonical_json

Kind = Augmentation.Kind
MOST_TEXTS, MOST_VARIANTS, MOST_RATE = 2_000, 3, 200.0
TEXT = "{text}"
WHY = {
    "many": gettext_noop("There are too many templates. Keep 200 lines at most."),
    "form": gettext_noop("Line %(n)s is no template. Write it as: a phrase => another wording | one more"),
    "slots": gettext_noop("Line %(n)s has too many slots. Use two at most, each once, with words between them."),
    "carried": gettext_noop("Line %(n)s loses a slot. Each wording needs the same slots as its phrase."),
    "words": gettext_noop("Line %(n)s has no words beside its slots."),
}


def recipe_read(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe in its one form. Raises ApplicationError with a sentence for what cannot be used."""
    if kind not in Kind.values:
        raise ApplicationError(_("Choose how the texts are made."))
    most, variants = int(values["most"]), int(values["variants"])
    if not (1 <= variants <= MOST_VARIANTS and most >= 1 and most * variants <= MOST_TEXTS):
        raise ApplicationError(
            _("Ask for %(most)s texts at most: samples times variants of each.") % {"most": f"{MOST_TEXTS:,}"}
        )
    common = {
        "kind": kind,
        "of": "accepted" if values["of"] == "accepted" else "all",
        "most": most,
        "variants": variants,
        "seed": int(values["seed"]),
        "versions": {"facts": facts.VERSION, "measures": measuring.VERSION},
    }
    own = {Kind.TEMPLATES: _templates, Kind.NOISE: _noise, Kind.REWRITE: _model, Kind.BACK: _model}[Kind(kind)]
    return {**common, **own(kind, values)}


def recipe_hash(recipe: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(dict(recipe)).encode()).hexdigest()


def _templates(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    text = str(values["templates"]).replace("\r\n", "\n").strip()
    try:
        read = templates_read(text)
    except TemplateError as error:
        raise ApplicationError(_(WHY[error.why]) % {"n": error.line}) from error
    if not read:
        raise ApplicationError(_("Write at least one template, or take one of the proposed."))
    return {"templates": text, "rewording": rewording.VERSION}


def _noise(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    rates = {name: float(values["rates"].get(name) or 0) for name in noise.KINDS}
    if not any(rates.values()):
        raise ApplicationError(_("Give at least one kind of noise a rate above 0."))
    if not all(0 <= rate <= MOST_RATE for rate in rates.values()):
        raise ApplicationError(_("A rate is 0 to %(most)s in 1,000 words.") % {"most": f"{MOST_RATE:.0f}"})
    return {"rates": rates, "fillers": list(values.get("fillers") or []), "noise": noise.VERSION}


def _model(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    steps = [str(step).replace("\r\n", "\n").strip() for step in values["steps"]][: 2 if kind == Kind.BACK else 1]
    if any(step.count(TEXT) != 1 for step in steps):
        raise ApplicationError(_("Every instruction needs %(text)s once: there the text is put in.") % {"text": TEXT})
    if int(values["variants"]) != 1:
        raise ApplicationError(_("A model answers the same each time. Ask for one variant; vary the instruction."))
    part = "completion" if values["part"] == "completion" else "prompt"
    return {"steps": steps, "part": part, "model": values["model"], "max_new_tokens": int(values["max_new_tokens"])}
