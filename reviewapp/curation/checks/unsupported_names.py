"""People, places, institutions and medicines that the completion names and the prompt does not.

Names are what the tagger of names and the words around them point to; medicines are the project's list, and words built
as the international nonproprietary names are (WHO 2018, stems such as -pril and -cillin; German endings alike). A trade
name and its substance count as the same. A medicine that is written a little otherwise in the prompt is a question of
low severity, because speech was often taken down by ear, unless that other word is a medicine itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, Severity, on_span
from reviewapp.curation.redaction.finder import identifiers_of
from reviewapp.curation.redaction.lists import names_known, plain, word_lists
from reviewapp.curation.redaction.spans import NAMED, Span
from reviewapp.curation.redaction.tagger import SHIPPED, Tagger, tagger_open

NAME, TITLE = "unsupported_names", "Names and medicines not in the prompt"
SCOPE: Scope = "text"
VERSION = 1
SURE, ALIKE = 0.8, 0.8  # the tagger's least probability; how alike two spellings of one medicine are
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_STEM = re.compile(
    r"(?:pril|prilat|sartan|olol|alol|statin|prazol|prazole|tidin|tidine|cillin|mycin|micin|floxacin|cyclin|cycline"
    r"|oxetin|oxetine|triptan|triptyline|triptylin|dipin|dipine|gliptin|gliptine|gliflozin|glitazon|glitazone|parin"
    r"|xaban|gatran|grel|azepam|azolam|zepam|barbital|profen|coxib|fenac|sone|solon|solone|onid|onide|terol|tropium"
    r"|thiazid|thiazide|semid|semide|lukast|setron|vir|azol|azole|mab|tinib|caine|cain|codon|codone|morphon|morphone"
    r"|metformin|gabalin|pentin|lamin|nidazol|nidazole|dronat|dronate|peridol|peridon|peridone|apin|apine)$"
)
# Ordinary words that end like one.
_NO_MEDICINE = (
    "april person season reason poison lesson mason unison parson prison bison crimson jefferson johnson jackson "
    "wilson anderson thompson nelson robinson comparison histamine cocaine heroin vitamin vitamins melatonin "
    "basal nasal vasal canapin elvir vir azole mab sone cortisone reservoir devoir telepin terrapin terrapine "
    "alpine pine opine supine spine"
)
_SAME = (
    "tylenol paracetamol acetaminophen panadol", "advil motrin nurofen ibuprofen", "lipitor atorvastatin",
    "zocor simvastatin", "crestor rosuvastatin", "norvasc amlodipine", "lasix furosemide furosemid frusemide",
    "plavix clopidogrel", "coumadin warfarin", "zoloft sertraline sertralin", "prozac fluoxetine fluoxetin",
    "celexa citalopram", "lexapro escitalopram", "synthroid levothyroxine levothyroxin thyroxine",
    "nexium esomeprazole esomeprazol", "prilosec omeprazole omeprazol", "zantac ranitidine", "claritin loratadine",
    "zyrtec cetirizine", "flonase fluticasone", "singulair montelukast", "ventolin albuterol salbutamol proventil",
    "glucophage metformin", "januvia sitagliptin", "aleve naproxen naprosyn", "neurontin gabapentin",
    "lyrica pregabalin", "xanax alprazolam", "ativan lorazepam", "valium diazepam", "ambien zolpidem",
    "keflex cephalexin", "zithromax azithromycin", "cipro ciprofloxacin", "levaquin levofloxacin",
    "bactrim cotrimoxazole septra", "cozaar losartan", "diovan valsartan", "toprol lopressor metoprolol",
    "benadryl diphenhydramine", "imitrex sumatriptan", "topamax topiramate", "dilantin phenytoin",
    "keppra levetiracetam", "tegretol carbamazepine", "aricept donepezil", "flexeril cyclobenzaprine",
    "ultram tramadol", "toradol ketorolac", "celebrex celecoxib", "wellbutrin bupropion", "effexor venlafaxine",
    "cymbalta duloxetine", "seroquel quetiapine", "risperdal risperidone", "abilify aripiprazole",
    "depakote valproate", "lamictal lamotrigine", "protonix pantoprazole", "aspirin asa ass", "flomax tamsulosin",
    "viagra sildenafil", "humira adalimumab", "remicade infliximab", "lovenox enoxaparin", "rocephin ceftriaxone",
    "augmentin amoxicillin co-amoxiclav", "vicodin hydrocodone norco lortab", "percocet oxycodone oxycontin roxicodone",
)  # fmt: skip
# Substances whose names have none of the stems.
_PLAIN = (
    "allopurinol amiloride amiodarone apomorphine baclofen betahistine betamethasone bromocriptine bumetanide "
    "carbidopa carbimazole carboplatin cinnarizine cisplatin clonidine clozapine codeine colchicine cyclizine "
    "dexamethasone digoxin diltiazem domperidone doxorubicin dopamine epinephrine adrenaline ezetimibe ferrous "
    "fingolimod flecainide folic glyceryl glimepiride gliclazide glipizide glyburide haloperidol hydralazine "
    "hydroxychloroquine hydroxyzine hyoscine indapamide insulin isosorbide ivabradine ketamine labetalol "
    "lactulose levodopa linezolid lithium loperamide meclizine mebeverine memantine meropenem mesalazine methadone "
    "methyldopa metoclopramide mirtazapine mycophenolate naloxone nicorandil nitrofurantoin nystatin ondansetron "
    "oxybutynin pancreatin phenytoin piperacillin prochlorperazine promethazine propylthiouracil pyridostigmine "
    "quinine ramipril ropinirole sacubitril senna solifenacin spironolactone eplerenone sucralfate sulfasalazine "
    "tacrolimus ciclosporin tamsulosin finasteride teriparatide theophylline timolol tizanidine tranexamic "
    "trimethoprim valproate verapamil warfarin buspirone zopiclone budesonide calcipotriol hydrocortisone "
    "terbinafine isotretinoin adapalene salbutamol formoterol aciclovir acyclovir permethrin methocarbamol"
)
_COMMON = "senna folic ferrous dopamine calcium vitamin colace soma multivitamin asa ass"  # said of other things too
_WORDS = {"name": "This name", "place": "This place", "institution": "This institution"}


def check(corpus: Corpus) -> list[FindingDraft]:
    tagger = tagger_open(*(corpus.tagger or (str(SHIPPED), "")))
    return [f for item in corpus.items if item.completion and item.prompt for f in _look(item, tagger)]


def _look(item: Item, tagger: Tagger) -> Iterator[FindingDraft]:
    said = {plain(match[0]) for match in _WORD.finditer(item.prompt)}
    yield from _medicines(item, said)
    yield from _names(item, said, tagger)


def _names(item: Item, said: set[str], tagger: Tagger) -> Iterator[FindingDraft]:
    """What the metadata has is known; a name of several words is in the prompt when one of them is."""
    [spans] = identifiers_of([item.completion], tagger, names=item.names, invented=item.invented, least=SURE)
    known = said | {plain(word) for name in item.names for word in _WORD.findall(name)}
    for span in spans:
        words = [plain(_bare(word)) for word in _WORD.findall(item.completion[span.start : span.end])]
        if span.kind not in NAMED or not words or _may_be_ordinary(item.completion, span, words):
            continue
        if any(word in known or is_medicine(word) for word in words):
            continue
        yield on_span(
            item, "completion", span.start, span.end,
            check=NAME, kind=f"{span.kind}_not_in_prompt", severity="low", score=span.score,
            message=f"{_WORDS[span.kind]} is not in the prompt. Check where it comes from.",
        )  # fmt: skip


def _may_be_ordinary(text: str, span: Span, words: list[str]) -> bool:
    """One word with a capital that begins a sentence, and that only the tagger takes for a name."""
    is_start = re.search(r"(?:^|[.;:?!(\n])[\s*-]*$", text[: span.start]) is not None
    return span.found_by == "tagger" and len(words) == 1 and is_start and words[0] not in names_known()


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("’s")


def _medicines(item: Item, said: set[str]) -> Iterator[FindingDraft]:
    seen: set[str] = set()
    for match in _WORD.finditer(item.completion):
        word = plain(match[0])
        if word in seen or not is_medicine(word) or _substances(word) & said or said & set(word.split("-")):
            continue
        seen.add(word)
        alike = _alike(word, said)
        severity: Severity = "low" if alike and not is_medicine(alike) else "medium"
        if alike:
            kind, message = "medicine_written_otherwise", f"The prompt says “{alike}”. Check which medicine is meant."
        else:
            kind, message = "medicine_not_in_prompt", "This medicine is not in the prompt. Check what was said."
        yield on_span(
            item, "completion", match.start(), match.end(), check=NAME, kind=kind, severity=severity, message=message
        )


def places(prompt: str, completion: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where the prompt has what may be meant: the same medicine in another spelling, or else its medicines."""
    word = plain(completion[start:end])
    if not is_medicine(word):
        return []
    words = [(plain(match[0]), match.span()) for match in _WORD.finditer(prompt)]
    alike = _alike(word, {each for each, _ in words})
    return [span for each, span in words if (each == alike if alike else is_medicine(each))][:5]


def is_medicine(word: str) -> bool:
    """Of a word in plain form."""
    return word in _listed() or (len(word) > 6 and word not in _not_medicines() and _STEM.search(word) is not None)


def _alike(word: str, said: set[str]) -> str:
    found = get_close_matches(
        word, [each for each in said if abs(len(each) - len(word)) < 4 and len(each) > 4], 1, ALIKE
    )
    return found[0] if found else ""


def _substances(word: str) -> set[str]:
    """The words that mean the same medicine, with and without the German ending."""
    same = {word, word.removesuffix("s"), word.removesuffix("e"), word + "e", word + "s"}
    return same | {other for one in same for other in _same().get(one, ())}


@cache
def _not_medicines() -> frozenset[str]:
    return frozenset(_NO_MEDICINE.split())


@cache
def _same() -> dict[str, frozenset[str]]:
    return {word: frozenset(row.split()) for row in _SAME for word in row.split()}


@cache
def _listed() -> frozenset[str]:
    drugs = {plain(part) for word in word_lists()["drug"] for part in word.split()}
    return frozenset((drugs | set(_same()) | set(_PLAIN.split())) - set(_COMMON.split()))
