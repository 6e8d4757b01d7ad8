"""What stands in place of an identifier: a mask, or something made up that is the same all through one group.

Everything comes from a key of the project and the name of the group by HMAC-SHA256 (RFC 2104): nothing is stored, and
without the key nothing leads back. A list of names is put into a secret order for each group and every name replaced by
the one after it, so that two people of a group never become one, and nobody keeps their name. Numbers keep their form
but can belong to nobody: telephone numbers of the 555-01 block, mail at example.org (RFC 2606), addresses of RFC 5737,
numbers whose check digit is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

from reviewapp.curation.redaction.dates import date_shifted, is_day_first
from reviewapp.curation.redaction.digits import iban, luhn, nhs, nif, npi, vin
from reviewapp.curation.redaction.lists import SURNAME, NameList, name_lists, names_known, plain, word_lists
from reviewapp.curation.redaction.spans import KINDS, Span

MASK, SURROGATE, SHIFT = "mask", "surrogate", "shift"
MOST_WEEKS = 52  # a shift is of whole weeks, so that a Monday stays a Monday
# fmt: off
_STAYING = frozenset((
    "de", "la", "del", "los", "van", "von", "der", "den", "bin", "bint", "ibn", "al", "el", "da", "dos", "di", "le",
    "du", "y", "dr", "mr", "mrs", "ms", "miss", "prof", "sr", "sra", "herr", "frau", "md",
))
# fmt: on
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True)
class Surrogates:
    """Made-up words for one group of one project."""

    key: bytes
    group: str
    day_first: bool = False
    _orders: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict, repr=False)

    @cached_property
    def days(self) -> int:
        """By how many days every date of the group moves: whole weeks, at least one, at most a year either way."""
        weeks = self._number("shift", 2 * MOST_WEEKS)
        return 7 * (weeks - MOST_WEEKS if weeks < MOST_WEEKS else weeks - MOST_WEEKS + 1)

    def word_for(self, kind: str, text: str) -> str:
        """What stands in place of ``text``; never ``text`` itself. A kind without a surrogate gets its mask."""
        if kind in ("date", "birth_date"):
            return self.date_for(text)
        made = self._made(kind, text)
        return made if made and made != text else KINDS[kind].mask

    def date_for(self, text: str) -> str:
        return date_shifted(text, self.days, is_day_first=self.day_first) or KINDS["date"].mask

    def _made(self, kind: str, text: str) -> str:
        if kind == "name":
            return self._person(text)
        if kind == "place":
            return self._next("city", word_lists()["city"], text)
        if kind == "institution":
            return self._institution(text)
        if kind == "street":
            name = self._next("street_word", word_lists()["street_word"], text)
            return f"{1 + self._number('street' + text, 900)} {name} Street"
        if kind == "email":
            return f"person{self._number(text.lower(), 10**6):06d}@example.org"
        if kind == "url":
            return f"https://www.example.org/{self._number(text.lower(), 10**6):06d}"
        if kind == "ip":
            return f"192.0.2.{1 + self._number(text, 254)}"
        if kind == "age":
            return ""
        return self._digits(kind, text)

    # ---- names

    def _person(self, text: str) -> str:
        """Word by word, so that "Maria Lopez" and "Mrs Lopez" stay one person; titles and particles stay."""
        return _WORD.sub(lambda word: self._name(word[0]), text)

    def _name(self, word: str) -> str:
        """From the word's own list, so that origin and gender stay; a name on no list becomes a surname of any."""
        if word.lower() in _STAYING:
            return word
        if len(word) == 1:
            return "ABCDEFGHJKLMNPRSTW"[self._number("initial" + word.upper(), 18)]
        known = names_known().get(plain(word))
        made = self._next_name(known, word) if known else self._next("surname", _surnames(), word)
        return _cased(made, word)

    def _next_name(self, names: NameList, word: str) -> str:
        return self._next(f"{names.origin} {names.kind}", names.names, word)

    def _next(self, title: str, words: Sequence[str], word: str) -> str:
        """The word after ``word`` in the group's own order; any but itself for a word that is not listed."""
        order = self._orders.get((title, self.group))
        if order is None:
            shuffled = sorted(words, key=lambda one: self._digest(f"{title}|{one}"))
            order = {plain(one): after for one, after in zip(shuffled, [*shuffled[1:], shuffled[0]], strict=True)}
            self._orders[title, self.group] = order
        listed = order.get(plain(word))
        return listed or list(order.values())[self._number(f"{title}|{plain(word)}", len(order))]

    def _institution(self, text: str) -> str:
        city = self._next("city", word_lists()["city"], text)
        if re.search(r"(?i)hospital|clinic|medical|klinik|clínica|health|practice|krankenhaus|salud", text):
            return f"{city} General Hospital"
        if re.search(r"(?i)universi|school|college|court", text):
            return f"{city} {'Court' if 'ourt' in text else 'University'}"
        word = self._next("firm_word", word_lists()["firm_word"], text)
        return f"{word} {self._next('firm_kind', word_lists()['firm_kind'], text)}"

    # ---- numbers

    def _digits(self, kind: str, text: str) -> str:
        """Other figures and letters in the same places; a number that has a check digit gets a wrong one."""
        rng = random.Random(self._digest(f"{kind}|{text}"))  # noqa: S311 - seeded by the keyed digest
        kept = 3 if text.startswith("+") else 0  # the code of the country
        made = text[:kept] + "".join(_other(rng, sign, is_first=n == 0) for n, sign in enumerate(text[kept:]))
        if kind in ("phone", "fax"):
            return _fictional(made)
        if kind == "ssn":
            return re.sub(r"[0-9]{3}", "000", made, count=1)
        while _is_valid(made):
            made = re.sub(r"[0-9](?=[^0-9]*$)", lambda digit: str((int(digit[0]) + 1) % 10), made)
        return made

    def _number(self, what: str, below: int) -> int:
        return int.from_bytes(self._digest(what)[:8], "big") % below

    def _digest(self, what: str) -> bytes:
        return hmac.new(self.key, f"{self.group}\0{what}".encode(), hashlib.sha256).digest()


@cache
def _surnames() -> tuple[str, ...]:
    return tuple(name for (_, kind), names in name_lists().items() if kind == SURNAME for name in names.names)


def _other(rng: random.Random, sign: str, *, is_first: bool) -> str:
    if sign.isdecimal():
        return rng.choice("123456789" if is_first else "0123456789")
    if sign.isascii() and sign.isalpha():
        letter = rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ")
        return letter if sign.isupper() else letter.lower()
    return sign


def _fictional(text: str) -> str:
    """The number with 555-01 before its last two figures, the block that is kept for fiction (NANPA)."""
    places = [place for place, sign in enumerate(text) if sign.isdecimal()]
    signs = list(text)
    for place, sign in zip(places[-7:-2], "55501"[-len(places[-7:-2]) :], strict=False):
        signs[place] = sign
    return "".join(signs)


def _is_valid(text: str) -> bool:
    digits = re.sub(r"[^0-9]", "", text)
    plain_text = re.sub(r"[\s-]", "", text)
    if not digits:
        return False
    is_number = digits == plain_text
    return (
        (is_number and len(digits) >= 12 and luhn(digits))
        or (is_number and (nhs(digits) or npi(digits)))
        or vin(plain_text)
        or (len(plain_text) >= 15 and plain_text.isalnum() and plain_text.isascii() and iban(plain_text))
        or (len(plain_text) == 9 and plain_text.isalnum() and plain_text[-1].isalpha() and nif(plain_text))
    )


def _cased(name: str, like: str) -> str:
    return name.upper() if like.isupper() and len(like) > 1 else name.lower() if like.islower() else name


@dataclass(frozen=True)
class Redacted:
    """A text with other words in place of its spans, and where each stands now: (start, end)."""

    text: str
    places: tuple[tuple[int, int], ...]
    words: tuple[str, ...]


def redact(text: str, spans: Sequence[Span], action: str, surrogates: Surrogates) -> Redacted:
    """``text`` with every span masked, replaced or, with SHIFT, its dates moved and the rest masked.

    Spans are in order and do not overlap.
    """
    made, last = "", 0
    places, words = [], []
    for span in spans:
        word = _word(text[span.start : span.end], span.kind, action, surrogates)
        made += text[last : span.start]
        places.append((len(made), len(made) + len(word)))
        words.append(word)
        made += word
        last = span.end
    return Redacted(made + text[last:], tuple(places), tuple(words))


def _word(text: str, kind: str, action: str, surrogates: Surrogates) -> str:
    if action == SURROGATE:
        return surrogates.word_for(kind, text)
    if action == SHIFT and kind in ("date", "birth_date"):
        return surrogates.date_for(text)
    return KINDS[kind].mask


def surrogates_for(key: bytes, group: str, dates: Sequence[str], language: str = "") -> Surrogates:
    """Of one group; how its dates are to be read is taken from themselves, else from the language."""
    told = is_day_first(dates)
    return Surrogates(key, group, language not in ("", "en", "en-US") if told is None else told)
