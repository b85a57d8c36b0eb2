"""Numbers as people type them."""

from __future__ import annotations

import math
import re

from evlab.errors import InvalidUse

__all__ = ["read_number"]


def read_number(text: str) -> float:
    """The number in `text`: 1200, 1 200, 1,200, 0.5 or 12%, which is read as 12. Raises `InvalidUse` for no number."""
    bare = text.strip().removesuffix("%").strip()
    if re.fullmatch(r"[+-]?\d{1,3}([ ,_\u00a0\u202f]\d{3})+(\.\d+)?", bare):
        bare = re.sub(r"[ ,_\u00a0\u202f]", "", bare)
    try:
        number = float(bare)
        if math.isfinite(number):
            return int(number) if number.is_integer() else number
    except ValueError:
        pass
    raise InvalidUse(f"{text.strip()[:40]!r} is not a number.", next_step="Write it as 1500 or 2.5.")
