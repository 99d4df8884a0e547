"""Text as the search sees it: the same for what is indexed and for what is asked."""

from __future__ import annotations

import re
import unicodedata

TOKENIZER = "unicode61 remove_diacritics 2 categories 'L* N* Co So'"
"""SQLite's: words are letters, digits and symbols; ``tags_like_this`` are several words; case and accents are nothing.

https://www.sqlite.org/fts5.html#unicode61_tokenizer
"""

_ALONE = re.compile(
    "(["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u2190-\u2bff"  # arrows, symbols
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\u1100-\u11ff\uac00-\ud7af"  # Hangul
    "\uff66-\uff9f"  # halfwidth kana
    "\U0001f000-\U0001faff\U00020000-\U0003ffff"  # emoji, rare Han
    "])"
)
"""Characters that are words by themselves, since these scripts put no spaces between words. Several of them together
are found as a phrase."""

_GAPS = re.compile(r"[\s_\-]+")
_TOKEN = frozenset(("L", "N"))


def spaced(text: str) -> str:
    """`text` with spaces wherever one word ends and another begins."""
    return text if text.isascii() else _ALONE.sub(r" \1 ", unicodedata.normalize("NFC", text))


def has_words(text: str) -> bool:
    """Whether there is anything in `text` that can be looked for."""
    if text.isascii():
        return any(character.isalnum() for character in text)
    return any(
        (category := unicodedata.category(character))[0] in _TOKEN or category in ("Co", "So") for character in text
    )


def fold(text: str) -> str:
    """`text` for comparing names: without case and accents, and ``_``, ``-`` and spaces are one and the same."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _GAPS.sub(" ", text.casefold()).strip()
