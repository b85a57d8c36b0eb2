"""What somebody has observed of a log, checked: offsets, times, and lists of both. Each check raises `InvalidUse`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import NamedTuple

from evlab.errors import InvalidUse

__all__ = ["check_finite", "check_list", "check_observed", "check_rising", "check_whole"]


def check_whole(name: str, value: int) -> int:
    """A whole number of 0 or more."""
    if type(value) is int and value >= 0:  # nearly always; to ask for any kind of number takes ten times as long
        return value
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise InvalidUse(f"{name}={value!r:.60}", next_step="give a whole number of 0 or more")
    return value


def check_finite(name: str, value: float) -> float:
    """A number that is neither infinite nor NaN."""
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InvalidUse(f"{name}={value!r:.60}", next_step="give a finite number")
    return value


def check_list(given: Iterable) -> list:
    """Anything to iterate over but a text."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidUse(f"{given!r:.60} is no list", next_step="give a list, oldest first")
    return list(given)


def check_observed(kind: type[NamedTuple], given: tuple) -> NamedTuple:
    """A `Commit` or a `Point` made of a tuple: an offset, a time, and perhaps a lag."""
    try:
        made = kind(*given)
    except TypeError as error:
        raise InvalidUse(f"{given!r:.60} is no {kind.__name__}", next_step=f"give {kind._fields}") from error
    check_whole("offset", made.offset)
    check_finite(kind._fields[1], made[1])
    for number in made[2:]:
        if number is not None:
            check_whole(kind._fields[2], number)
    return made


def check_rising(kind: type[NamedTuple], given: Iterable) -> list:
    """The same for a list of them, oldest first."""
    made = [check_observed(kind, one) for one in check_list(given)]
    if any(made[i][1] < made[i - 1][1] for i in range(1, len(made))):
        raise InvalidUse(f"a {kind.__name__} is older than the one before it", next_step="give them oldest first")
    return made
