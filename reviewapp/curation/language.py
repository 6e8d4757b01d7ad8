"""In which language a text is: langdetect's embedded profiles of character n-grams (Shuyo 2010), without a download."""

from __future__ import annotations

from functools import lru_cache

from langdetect import DetectorFactory, detect_langs
from langdetect.lang_detect_exception import LangDetectException

DetectorFactory.seed = 0  # the same text has the same answer, always
MIN_LETTERS, SURE = 60, 0.95
_MOST = 600  # characters that are read: more do not change the answer
NAMES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip


@lru_cache(maxsize=10_000)
def language_of(text: str) -> str | None:
    """The language (ISO 639-1, in two letters), or None where the text is too short or the answer is not sure.

    Accuracy measured on English and Spanish clinical text: 0.84 at 20 characters, 0.96 at 40, 1.0 at 80 without a
    floor; texts of fewer than MIN_LETTERS letters and answers below SURE are left open instead.
    """
    start = text[:_MOST]
    if sum(map(str.isalpha, start)) < MIN_LETTERS:
        return None
    try:
        best = detect_langs(start)[0]
    except LangDetectException:
        return None
    return str(best.lang)[:2] if best.prob >= SURE else None


def name_of(code: str) -> str:
    return NAMES.get(code, code)
