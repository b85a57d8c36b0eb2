"""How the course's texts are worded: rules that notebooks, drill cards, hints and questions share.

Plain words, no claim that nobody can keep, and no number that nothing has counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

__all__ = ["uncounted", "voice"]

_QUOTED = re.compile(r"`[^`]*`|\"[^\"\n]{0,300}\"|“[^”]{0,300}”|<[^>]*>")
"""Code and quotations are exempt: a claim may be quoted to be taken apart."""
_VOICE = ((re.compile(r"\w!(?=\s|$)"), "an exclamation mark"),
          (re.compile(r"(?i)\b(?:simply|just)\b"), "a filler word"),
          (re.compile(r"(?i)exactly.once delivery"), "a promise nobody can keep; say: effect once"))
_NUMBER = re.compile(r"(?<![\w.,:/#-])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w:/-]|[.,]\d| [A-Z])")
_YEAR = re.compile(r"(?:19|20)\d\d")


def voice(text: str) -> Iterator[str]:
    """What a text says that the course does not say: "a filler word: 'you simply run'"."""
    text = _QUOTED.sub(" ", text)
    for pattern, what in _VOICE:
        if found := pattern.search(text):
            yield f"{what}: {text[max(0, found.start() - 20):found.end() + 5].strip()!r}"


def uncounted(text: str, shown: Iterable[str]) -> Iterator[str]:
    """The numbers of a text that stand nowhere in `shown`, which is code and what it printed: "1,213".

    Left out are numbers of one or two digits, round ones (200,000: a case is set, nothing was counted), years, numbers
    with a name behind them ("412 Precondition Failed"), and what is code or a quotation. 42.00 is there if 42 or 4200
    is: money is counted in cents.
    """
    known: set[Decimal] | None = None
    for found in _NUMBER.findall(re.sub(r"\]\([^)]*\)", "]", _QUOTED.sub(" ", text))):
        number = found.replace(",", "")
        digits = number.replace(".", "")
        if len(digits) < 3 or len(digits.strip("0")) < 2 or _YEAR.fullmatch(number):
            continue
        if known is None:
            known = {value for one in shown for value in _values(one)}
        if not {Decimal(number), Decimal(number) * 100} & known:
            yield found


def _values(text: str) -> Iterator[Decimal]:
    """The numbers of a text, with 12,000 and 12_000 read as 12000."""
    return map(Decimal, re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d)[,_](?=\d{3}(?!\d))", "", text)))
