"""Catalogues of the interface's languages: what is to be translated, gathered into GNU .po files; no gettext needed."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polib
from django.template import Engine, engines
from django.templatetags.i18n import BlockTranslateNode

GETTEXT = {"_", "gettext", "gettext_lazy", "gettext_noop", "say", "_told"}
NGETTEXT = {"ngettext", "ngettext_lazy"}
FIELD_TEXTS = {"label", "help_text", "empty_label"}
FORM_TEXTS = {"labels", "help_texts"}
CHOICES = {"TextChoices", "IntegerChoices"}
# Fixed texts of plain modules, shown through the filter ``said``: module -> the names that hold them.
SHOWN = {
    "reviewapp/accounts/keymap.py": {"PAGES", "ACTIONS", "FIXED"},
    "reviewapp/core/kept.py": {"KEPT"},
    "reviewapp/curation/citations/style.py": {"STYLES"},
    "reviewapp/curation/selections/quality.py": {"FEATURES", "RULES"},
    "reviewapp/curation/selections/forms.py": {"PRESETS", "SCOPES"},
    "reviewapp/evaluations/figures.py": {"METRICS", "CLASS_MEASURES"},
    "reviewapp/evaluations/grade_page.py": {"STAGES"},
    "reviewapp/evaluations/judging.py": {"ERROR_TYPES"},
    "reviewapp/evaluations/preferring.py": {"REASONS"},
    "reviewapp/evaluations/base_page.py": {"_OWN"},
    "reviewapp/evaluations/suites/table.py": {"_ALL"},
    "reviewapp/evaluations/suites/formats.py": {"NAMES"},
    "reviewapp/evaluations/suites/own_prompts.py": {"GROUPS", "NAME", "SOURCE"},
    "reviewapp/home/raters.py": {"WORK_WORDS"},
    "reviewapp/reports/behind.py": {"ARMS", "CELLS", "OF_SLICES"},
    "reviewapp/reviews/agreement_tables.py": {"REASONS"},
    "reviewapp/reviews/bulk.py": {"ACTS"},
    "reviewapp/reviews/judging.py": {"CAUSES"},
    "reviewapp/reviews/raters.py": {"REASONS"},
    "reviewapp/reviews/selectors/agreements.py": {"FIELDS"},
    "reviewapp/rubrics/changes.py": {"WORDS", "NAMES"},
    "reviewapp/runs/run_form.py": {
        *(
            "OBJECTIVES",
            "METHODS",
            "ADAPTERS",
            "SCHEDULERS",
            "ORDERS",
            "STOPS",
            "KEEPS",
            "SWITCHES",
            "PRECISIONS",
            "SHARDINGS",
        ),
    },
    "reviewapp/runs/keeping_form.py": {"TOKENS"},
    "reviewapp/runs/planning/card.py": {"_ORIGINS"},
    "reviewapp/runs/preference_form.py": {"PREFERENCE_LOSSES"},
    "reviewapp/runs/objectives.py": {"NEEDED"},
    "reviewapp/runs/settings_page.py": {"_STOPS", "_ORDERS", "_SCHEDULES", "_SWITCHES", "_OBJECTIVES"},
    "reviewapp/runs/run_page.py": {"_TITLES", "_REWARDS"},
    "reviewapp/runs/searches/pruning.py": {"NAMES"},
    "reviewapp/trainingsets/contamination.py": {"KINDS", "BENCHMARK_KINDS"},
    "reviewapp/trainingsets/selectors/drafts.py": {
        *("RECALLED", "OUTSIDE", "REJECTED", "IN_REVIEW", "NOT_REVIEWED", "HELD_OUT", "NO_COMPLETION"),
        *("OPEN_FINDINGS", "HELD_OUT_GROUP", "BY_HAND", "HAS_PROMPT", "NO_CONTRAST"),
    },
    "reviewapp/trainingsets/pairing.py": {"WORDS"},
    "reviewapp/samples/forms.py": {"_LABELS"},
    "reviewapp/samples/mapping_page.py": {"NO_PROMPT"},
    "reviewapp/reviews/views/adjudication.py": {"PARTS", "KEYS"},
    "reviewapp/reviews/selectors/labels.py": {"STALE", "ANSWER_FIRST"},
    "reviewapp/reviews/services/holding.py": {"TAKEN"},
    "reviewapp/reviews/views/workbench.py": {"PARTS", "TURN_DOWN", "RUBRIC_CHANGED"},
}
_LITERAL = r'_\(\s*(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\')\s*\)'
_TRANSLATE = r'\{%\s*translate\s+(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\')'
_DATES = re.compile(r'\|date:"([^"]*)"')
_WORDS = re.compile(r'(?<![\w.])t\(\s*"((?:[^"\\]|\\.)*)"')
_COUNTED = re.compile(r'(?<![\w.])tn\(\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"')
_PLACES = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


HEADER = {
    "Project-Id-Version": "countersign",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=2; plural=(n != 1);",
}


@dataclass(frozen=True)
class Message:
    """One text: ``plural`` is empty where nothing is counted; ``places`` are the files it is in."""

    text: str
    plural: str = ""
    places: tuple[str, ...] = ()
    is_format: bool = False


def placeholders(text: str) -> set[str]:
    """Names of the places in a text that are filled: %(name)s of Python and templates, {name} of scripts."""
    return {one or other for one, other in _PLACES.findall(text)}


def template_messages(root: Path) -> Iterator[Message]:
    """Texts of ``{% translate %}``, ``{% blocktranslate %}`` and ``_("...")`` in templates under ``root``/templates."""
    engine: Engine = engines["django"].engine  # type: ignore[attr-defined]
    for path in sorted((root / "templates").rglob("*.html")):
        place = str(path.relative_to(root))
        source = path.read_text(encoding="utf-8")
        for pattern in (_TRANSLATE, _LITERAL):
            for match in re.finditer(pattern, source):
                yield Message((match[1] or match[2]).replace("%", "%%"), places=(place,))
        yield from (Message(match[1], places=(place,)) for match in _DATES.finditer(source) if " " in match[1])
        for node in _blocks(engine, source):
            text, names = node.render_token_list(node.singular)
            plural = node.render_token_list(node.plural)[0] if node.plural else ""
            yield Message(text, plural, (place,), bool(names))


def _blocks(engine: Engine, source: str) -> Iterator[BlockTranslateNode]:
    """The blocks one by one: names of variables matter here, their values and the tags around do not."""
    for match in re.finditer(r"\{%\s*blocktranslate\b([^%]*)%\}(.*?)\{%\s*endblocktranslate\s*%\}", source, re.S):
        head = " trimmed" if re.search(r"\btrimmed\b", match[1]) else ""
        count = " count counter=1" if "plural %}" in match[2] else ""
        block = f"{{% blocktranslate{head}{count} %}}{match[2]}{{% endblocktranslate %}}"
        for node in engine.from_string(block).nodelist:
            whole = getattr(node, "whole", node)
            if isinstance(whole, BlockTranslateNode):
                yield whole


def python_messages(root: Path) -> Iterator[Message]:
    """Texts of gettext calls, and the labels of choices, which templates translate as they show them."""
    for path in sorted((root / "reviewapp").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        place = str(path.relative_to(root))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield from _called(node, place)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                yield from (Message(text, places=(place,), is_format="%(" in text) for text in _assigned(node, place))
            elif isinstance(node, ast.ClassDef) and any(_name(base) in CHOICES for base in node.bases):
                yield from _labels(node, place)


def _called(node: ast.Call, place: str) -> Iterator[Message]:
    for keyword in node.keywords:
        is_of_form = place.endswith(("forms.py", "models.py")) or _name(node.func).endswith("Field")
        if keyword.arg in FIELD_TEXTS and is_of_form:
            yield from (Message(text, places=(place,)) for text in _shown(keyword.value))
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    name = _name(node.func)
    if name in GETTEXT and texts:
        yield Message(texts[0], places=(place,), is_format="%(" in texts[0])
    elif name in NGETTEXT and len(texts) >= 2:
        yield Message(texts[0], texts[1], (place,), "%(" in texts[1])


def _assigned(node: ast.Assign | ast.AnnAssign, place: str) -> Iterator[str]:
    """Texts of a constant that is shown: by the names above, of forms, and titles of checks."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    value = node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        yield from (text for one, part in pairs if _name(one) == "TITLE" for text in _shown(part))
    elif value is not None and (_name(target) in SHOWN.get(place, ()) or _is_of_form(_name(target), place)):
        yield from _shown(value)


def _is_of_form(name: str, place: str) -> bool:
    return place.endswith("forms.py") and name in FORM_TEXTS


def _shown(value: ast.expr) -> Iterator[str]:
    """The texts of a constant: values of a dict; in rows that begin with a key or a keyboard key, what follows it."""
    if isinstance(value, ast.Constant):
        if isinstance(value.value, str) and re.search("[a-z]{2}", value.value):
            yield value.value
    elif isinstance(value, ast.Dict):
        for part in value.values:
            yield from _shown(part)
    elif isinstance(value, ast.List):
        for part in value.elts:
            yield from _shown(part)
    elif isinstance(value, ast.Tuple):
        for at, part in enumerate(value.elts):
            if at or not isinstance(part, ast.Constant):
                yield from _shown(part)
    elif isinstance(value, ast.Call):  # a row made by its class: what it is called, and whole sentences
        texts = [text for part in value.args for text in _shown(part)]
        if _is_keyed(value):
            yield from (text for text in texts if " " in text or text[0].isupper())
        else:
            yield from texts[:2] + [text for text in texts[2:] if " " in text]
        yield from (text for one in value.keywords if one.arg in FIELD_TEXTS for text in _shown(one.value))


def _is_keyed(row: ast.Call) -> bool:
    """Whether a row begins with a key in small letters, which nobody reads, and then says what it is called."""
    texts = [part.value if isinstance(part, ast.Constant) else None for part in row.args[:2]]
    return all(isinstance(text, str) for text in texts) and bool(
        re.match(r"[a-z]\w*$", str(texts[0])) and re.match("[A-Z]|chrF", str(texts[1]))
    )


def _labels(node: ast.ClassDef, place: str) -> Iterator[Message]:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple):
            label = statement.value.elts[-1]
            if isinstance(label, ast.Constant) and isinstance(label.value, str):
                yield Message(label.value, places=(place,))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def script_messages(root: Path) -> Iterator[Message]:
    """Texts of ``t("...")`` and ``tn("...", "...", n)`` in our own scripts."""
    for path in sorted((root / "static").rglob("*.js")):
        if "vendor" in path.parts:
            continue
        place = str(path.relative_to(root))
        source = path.read_text(encoding="utf-8")
        for match in _WORDS.finditer(source):
            yield Message(_unquoted(match[1]), places=(place,))
        for match in _COUNTED.finditer(source):
            yield Message(_unquoted(match[1]), _unquoted(match[2]), (place,))


def messages_gather(found: Iterable[Message]) -> list[Message]:
    """One message for each text, with all its places, in the order of the first."""
    merged: dict[str, Message] = {}
    for one in found:
        if not one.text:
            continue
        known = merged.get(one.text)
        if known is None:
            merged[one.text] = one
            continue
        places = known.places if one.places[0] in known.places else known.places + one.places
        merged[one.text] = Message(one.text, known.plural or one.plural, places, known.is_format or one.is_format)
    return list(merged.values())


DOMAINS: dict[str, tuple[Callable[[Path], Iterator[Message]], ...]] = {
    "django": (template_messages, python_messages),
    "djangojs": (script_messages,),
}


def domain_messages(root: Path, domain: str) -> list[Message]:
    """Every text of a domain: "django" for pages, "djangojs" for scripts."""
    return messages_gather(one for reader in DOMAINS[domain] for one in reader(root))


def catalogue_read(path: Path, language: str) -> polib.POFile:
    """The catalogue at ``path``, one line a text; an empty one of ``language`` where there is none yet."""
    if path.exists():
        return polib.pofile(str(path), wrapwidth=0)
    made = polib.POFile(wrapwidth=0)
    made.metadata = HEADER | {"Language": language}
    return made


def catalogue_update(catalogue: polib.POFile, messages: Iterable[Message]) -> None:
    """Leaves the messages of now, with the translations of before; what is asked no longer is dropped."""
    before = {entry.msgid: entry for entry in catalogue}
    catalogue[:] = [_entry(message, before.get(message.text)) for message in messages]


def _entry(message: Message, old: polib.POEntry | None) -> polib.POEntry:
    entry = polib.POEntry(msgid=message.text, msgid_plural=message.plural)
    entry.occurrences = [(place, "") for place in message.places]
    entry.flags = ["python-format"] if message.is_format else []
    if message.plural:
        entry.msgstr_plural = {0: "", 1: ""}
    if old is not None and bool(old.msgid_plural) == bool(message.plural):
        entry.msgstr, entry.msgstr_plural = old.msgstr, old.msgstr_plural
        entry.flags += ["fuzzy"] if old.fuzzy else []
    return entry


def forms_of(entry: polib.POEntry) -> list[str]:
    """Its translation: one form, or one for each plural form."""
    return [form for _, form in sorted(entry.msgstr_plural.items())] if entry.msgid_plural else [entry.msgstr]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text)
