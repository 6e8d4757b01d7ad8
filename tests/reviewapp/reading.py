"""A page as its reader and its scripts find it: the structure, which no language changes, and the texts, which do."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

# attributes that are read out or shown; all others are for the browser, the server and the scripts
SHOWN = {
    "aria-label", "title", "label", "placeholder", "alt", "data-label", "data-confirm", "data-complete",
    "data-accept-words", "data-fix-words", "data-diff-against",
}  # fmt: skip
_UNREAD = {"script", "style", "code", "pre", "textarea", "kbd"}
_VOID = {"meta", "link", "input", "br", "img", "hr"}


@dataclass
class Page(HTMLParser):
    """``shape``: tags with the attributes that are not shown; ``texts``: what is, with the nearest ``lang``."""

    shape: list[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    _open: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        language = given.get("lang", self._open[-1][1] if self._open else "")
        if given.get("id") != "words":  # the catalogue of the scripts, which English does not need
            kept = {name: value for name, value in given.items() if name not in SHOWN and name != "lang"}
            self.shape.append((tag, tuple(sorted(kept.items()))))
        self.texts += [(given[name].strip(), language) for name in sorted(SHOWN & set(given)) if given[name].strip()]
        if tag not in _VOID:
            self._open.append((tag, language))

    def handle_endtag(self, tag: str) -> None:
        if tag in {name for name, _ in self._open}:
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not {tag for tag, _ in self._open} & _UNREAD:
            self.texts.append((" ".join(data.split()), self._open[-1][1] if self._open else ""))


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page
