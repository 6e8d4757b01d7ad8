"""Catalogues of the interface's languages: what is to be translated, as GNU .po and .mo files; no gettext needed."""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
    "reviewapp/evaluations/grade_page.py": {"STAGES"},
    "reviewapp/evaluations/judging.py": {"ERROR_TYPES"},
    "reviewapp/evaluations/preferring.py": {"REASONS"},
    "reviewapp/reviews/agreement_tables.py": {"REASONS"},
    "reviewapp/reviews/bulk.py": {"ACTS"},
    "reviewapp/reviews/judging.py": {"CAUSES"},
    "reviewapp/reviews/raters.py": {"REASONS"},
    "reviewapp/reviews/selectors/agreements.py": {"FIELDS"},
    "reviewapp/rubrics/changes.py": {"WORDS", "NAMES"},
    "reviewapp/runs/forms.py": {"METHODS", "SCHEDULERS"},
    "reviewapp/runs/run_page.py": {"_TITLES"},
    "reviewapp/samples/forms.py": {"_LABELS"},
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


@dataclass(frozen=True)
class Message:
    """One text: ``plural`` is empty where nothing is counted; ``places`` are the files it is in."""

    text: str
    plural: str = ""
    places: tuple[str, ...] = ()
    is_format: bool = False


@dataclass(frozen=True)
class Entry:
    """A message and its translation: one form, or one for each plural form; empty forms are untranslated."""

    message: Message
    forms: tuple[str, ...]
    is_fuzzy: bool = False

    @property
    def is_translated(self) -> bool:
        return bool(self.forms) and all(self.forms) and not self.is_fuzzy


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
        if keyword.arg in FIELD_TEXTS and place.endswith(("forms.py", "models.py")):
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
        yield from texts[:2] + [text for text in texts[2:] if " " in text]
        yield from (text for one in value.keywords if one.arg in FIELD_TEXTS for text in _shown(one.value))


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


def entries_update(messages: Iterable[Message], known: Iterable[Entry], n_forms: int = 2) -> list[Entry]:
    """The messages of now with the translations of before; what is asked no longer is dropped."""
    before = {entry.message.text: entry for entry in known}
    entries = []
    for message in messages:
        old = before.get(message.text)
        size = n_forms if message.plural else 1
        forms = old.forms if old and len(old.forms) == size else ("",) * size
        entries.append(Entry(message, forms, bool(old and old.is_fuzzy)))
    return entries


def po_read(text: str) -> tuple[str, list[Entry]]:
    """Header and entries of a .po file as ``po_write`` writes them; other tools' files are read as well."""
    header, entries = "", []
    for block in re.split(r"\n\s*\n", text.strip()):
        fields, flags, places = _fields(block)
        forms = tuple(fields[key] for key in sorted(fields) if key.startswith("msgstr"))
        if "msgid" not in fields:
            continue
        if not fields["msgid"]:
            header = forms[0]
            continue
        message = Message(fields["msgid"], fields.get("msgid_plural", ""), places, "python-format" in flags)
        entries.append(Entry(message, forms, "fuzzy" in flags))
    return header, entries


def _fields(block: str) -> tuple[dict[str, str], str, tuple[str, ...]]:
    fields: dict[str, str] = {}
    flags, key = "", ""
    places: tuple[str, ...] = ()
    for line in block.splitlines():
        match = re.match(r'(msg\w+(?:\[\d\])?)\s+"(.*)"\s*$', line)
        if line.startswith("#,"):
            flags += line
        elif line.startswith("#:"):
            places += tuple(line[2:].split())
        elif match:
            key = match[1]
            fields[key] = _unquoted(match[2])
        elif line.startswith('"') and key:
            fields[key] += _unquoted(line.strip()[1:-1])
    return fields, flags, places


def po_write(header: str, entries: Iterable[Entry]) -> str:
    """The text of a .po file, one line a text, so that a change shows as the lines that changed."""
    lines = ['msgid ""', 'msgstr ""', *(f"{_quoted(line)}" for line in header.splitlines(keepends=True)), ""]
    for entry in entries:
        message = entry.message
        lines += [f"#: {place}" for place in message.places]
        flags = [name for name, is_on in (("fuzzy", entry.is_fuzzy), ("python-format", message.is_format)) if is_on]
        lines += [f"#, {', '.join(flags)}"] if flags else []
        lines.append(f"msgid {_quoted(message.text)}")
        if message.plural:
            lines.append(f"msgid_plural {_quoted(message.plural)}")
            lines += [f"msgstr[{at}] {_quoted(form)}" for at, form in enumerate(entry.forms)]
        else:
            lines.append(f"msgstr {_quoted(entry.forms[0])}")
        lines.append("")
    return "\n".join(lines)


def mo_write(header: str, entries: Iterable[Entry]) -> bytes:
    """The bytes of a .mo file (GNU gettext, little-endian, sorted, no hash table); untranslated texts are left out."""
    pairs = {b"": header.encode()}
    for entry in entries:
        if entry.is_translated:
            texts = [entry.message.text, entry.message.plural] if entry.message.plural else [entry.message.text]
            pairs["\0".join(texts).encode()] = "\0".join(entry.forms).encode()
    rows = sorted(pairs.items())
    start = 28 + 16 * len(rows)
    keys, values = b"", b""
    offsets = []
    for key, value in rows:
        offsets.append((len(key), len(keys), len(value), len(values)))
        keys += key + b"\0"
        values += value + b"\0"
    table = b"".join(struct.pack("<II", size, start + at) for size, at, _, _ in offsets)
    table += b"".join(struct.pack("<II", size, start + len(keys) + at) for _, _, size, at in offsets)
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, start)
    return head + table + keys + values


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text)
