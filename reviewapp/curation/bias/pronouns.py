"""What "her" and "his" become: "her knee" his knee, "saw her" saw him; "his knee" her knee, "is his" is hers.

Decided by the neighbouring words, without a tagger: the word before (a verb that takes a person, a preposition), the
word after (a noun, a function word, nothing), and lists of the cases that medicine makes common ("her back hurts").
"""

from __future__ import annotations

import re

from reviewapp.curation.bias import lexicon
from reviewapp.curation.bias.lexicon import words

_NEXT = re.compile(r"(?P<gap>[^\w(\"“‘]*)[(\"“‘]?(?P<word>[^\W_]+(?:['’][^\W\d_]+)?)(?P<tail>.?)", re.S)
_BEFORE = re.compile(r"(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)\s+\Z")
# After "her" or "his" these do not begin a noun phrase.
_FUNCTION = words(
    "a an the this that these those to in on at with for from by of about into onto over under after before"
    " during since"
    " until till as and or but nor because if when while where who whom whose which what how why is are was were"
    " be been"
    " being am do does did has had have will would can could should may might must shall not then again away home there"
    " here today yesterday tomorrow tonight now soon too also so very more less most any some no every each both all"
    " another i you he she it we they my your his her their our its us them me him myself himself herself themselves"
    " itself through across between among against without within towards toward via per than like unlike despite due"
    " though although unless whether off out up down around along upstairs downstairs outside inside well better fully"
    " upon beyond above below beneath besides throughout please either neither just"
    " once twice instead alone together anymore forward ahead aside apart anyway otherwise"
    " however therefore immediately afterwards later earlier straightaway overnight indoors"
    " outdoors abroad awake asleep safe comfortable ok okay yes"
)
# Of those, what also stands inside a noun phrase: "her own", "his most recent", "her late husband".
_IN_PHRASE = words("very more most less well better now once just every both all so earlier later inside outside then")
_LY_ADJECTIVES = words(
    "daily weekly monthly yearly hourly nightly quarterly early elderly only family friendly likely curly belly ugly"
    " supply reply assembly anomaly sickly lovely lonely lively costly silly bodily orderly kindly ally"
)
_ALONE_ADVERBS = words(
    "carefully regularly immediately repeatedly weekly daily slowly quickly thoroughly briefly closely clearly gently"
)
# Verbs that take a person and then a thing: "gave her paracetamol", "told her that".
_GIVING = words(
    "give gives gave given giving offer offers offered offering tell tells told telling ask asks asked asking"
    " show shows"
    " showed shown showing send sends sent bring brings brought buy bought teach taught cost costs wish wished cause"
    " causes caused causing prescribe prescribes prescribed prescribing advise advises advised advising start started"
    " put puts hand handed make makes made call calls called named deny denied allow allows allowed charge charged"
)
# Verbs after which a person does something: "saw her fall", "let her go", "helps her walk".
_PERCEIVING = words(
    "see sees saw seen seeing watch watches watched hear hears heard feel feels felt notice noticed observe observed"
    " find finds found keep keeps kept leave leaves left get gets got let lets letting make makes made making have"
    " has had help helps helped helping wake wakes woke want wants need needs catch caught"
)
_BARE_VERBS = words(
    "walk fall go feel move come sit stand eat cry breathe speak run sleep die drink leave take look lie get be do have"
    " use try stop start know think talk wait drive return understand relax cope swallow dress bathe wash bend climb"
    " manage decide choose realise realize lose gain vomit choke collapse faint shake shiver sweat worry laugh smile"
    " become remain stay live work keep put say see hear believe want need forget remember recover improve"
)
_KIN_AND_OWN = lexicon.MALE_KIN | lexicon.FEMALE_KIN | lexicon.NEUTRAL_KIN | words(
    "parents family children own mind life condition symptoms pain medication medications medicine medicines tablets"
    " doctor gp job house age name weight arm leg knee hip head chest neck shoulder heart eyes hands feet skin"
    " mouth hand"
    " foot stomach abdomen back blood bp temperature pulse sleep appetite mood progress story history daughter options"
    " inhaler insulin keys phone bag car room bed coat shoes glasses results"
)  # fmt: skip
_NO_DOING = words("evening morning feeling swelling breathing hearing thing string spring swing sting bring being")
_NUMBERS = words(
    "two three four five six seven eight nine ten eleven twelve several half hours days weeks months years"
)
_CALLING = words(
    "call calls called calling bring brings brought bringing send sends sent sending take takes took taken taking"
    " put get"
    " gets got getting want wants wanted see saw have had ring rang phone phoned contact contacted welcome welcomed ask"
    " asked invite invited hold held win won let"
)
_AFTER_BACK = words("to in into for on at from again home and or but when if as with after tomorrow today next later")


def _neighbours(text: str, start: int, end: int) -> tuple[str, str, str, str]:
    """The word before (""), what lies between, the word after (""), and the character that follows that one."""
    before = _BEFORE.search(text[max(0, start - 40) : start])
    after = _NEXT.match(text, end)
    if after is None:
        return (before["word"].lower() if before else ""), ".", "", ""
    return (before["word"].lower() if before else ""), after["gap"], after["word"].lower(), after["tail"]


def her_swapped(text: str, start: int, end: int) -> str:
    """ "his" where ``text[start:end]`` ("her") owns what follows, "him" where it is the person acted upon."""
    before, gap, after, tail = _neighbours(text, start, end)
    if not after or gap.strip() or "\n" in gap:
        return "him"
    if after == "back":
        return _back(text, end, before)
    if tail == "-":  # "her over-the-counter tablets", "her in-laws"
        return "his"
    if after in _KIN_AND_OWN and not (before in _PERCEIVING and after in _BARE_VERBS):
        return "his"
    if after.isdigit() or after in _NUMBERS:
        return "him" if before in _GIVING or before in ("take", "takes", "took", "taken") else "his"
    if _is_function(text, end, after):
        return "him"
    if before in _GIVING:
        return "him" if not _is_owned_object(text, end) else "his"
    if before in _PERCEIVING and (after in _BARE_VERBS or _is_doing(after)):
        return "him"
    return "his"


def _is_function(text: str, end: int, after: str) -> bool:
    if after in _IN_PHRASE:
        return not _is_noun_next(text, end)
    if after in _FUNCTION:
        return True
    if after.endswith("ly") and (after not in _LY_ADJECTIVES or after in _ALONE_ADVERBS):
        return not _is_noun_next(text, end)
    return False


def _is_noun_next(text: str, end: int) -> bool:
    """Whether another content word follows the one after: "her severely swollen knee", not "saw her recently."."""
    first = _NEXT.match(text, end)
    if first is None:
        return False
    second = _NEXT.match(text, first.end("word"))
    return second is not None and not second["gap"].strip() and second["word"].lower() not in _FUNCTION


def _is_owned_object(text: str, end: int) -> bool:
    """After a verb of giving: "showed her passport to me" owns it; "gave her paracetamol" does not."""
    first = _NEXT.match(text, end)
    second = _NEXT.match(text, first.end("word")) if first else None
    return second is not None and not second["gap"].strip() and second["word"].lower() in ("to", "is", "was", "has")


def _is_doing(word: str) -> bool:
    return word.endswith("ing") and len(word) > 4 and word not in _NO_DOING


def _back(text: str, end: int, before: str) -> str:
    """ "called her back" or "her back hurts"."""
    first = _NEXT.match(text, end)
    second = _NEXT.match(text, first.end("word")) if first else None
    is_at_end = second is None or bool(second["gap"].strip())
    if before in _CALLING and (is_at_end or (second is not None and second["word"].lower() in _AFTER_BACK)):
        return "him"
    return "his"


def his_swapped(text: str, start: int, end: int) -> str:
    """ "her" where ``text[start:end]`` ("his") has its noun after it, "hers" where it stands alone."""
    _, gap, after, tail = _neighbours(text, start, end)
    if not after or gap.strip() or "\n" in gap:
        return "hers"
    if tail == "-" or after in ("back", "out", "off", "up", "down") or after.isdigit():
        return "her"
    if after in _IN_PHRASE:
        return "her" if _is_noun_next(text, end) else "hers"
    return "hers" if after in _FUNCTION else "her"
