"""Numbers of a card: the formula is evaluated without `eval`, and a review's seed draws the same numbers each time.

Draws and shuffles come from SHA-256, not from `random`: its sequences are no promise of Python's, and a review of
last year must show the same numbers today.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from evlab.course.drills.cards import Numeric
from evlab.errors import EvlabError

__all__ = ["InvalidFormula", "Variant", "evaluate", "fill", "is_close", "mixed", "review_seed", "values_of", "variant",
           "variants"]

LONGEST, NODES, LARGEST = 200, 80, 1e15
"""The bounds of a formula: characters, parts, and the size of any number on the way."""
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "max": max, "min": min, "ceil": math.ceil, "floor": math.floor, "round": round}


class InvalidFormula(EvlabError):
    """A formula that is not plain arithmetic over its names, or that has no value."""


class Variant(NamedTuple):
    """The numbers of one review, and the answer to them."""

    values: dict[str, float]
    answer: float


def evaluate(formula: str, names: Mapping[str, float]) -> float:
    """The value of `formula`: + - * / // % **, max, min, ceil, floor, round, numbers, and the names.

    It walks the syntax tree and calls nothing else. Raises `InvalidFormula` for anything more, for a division by
    zero, and for numbers beyond 10^15.
    """
    if len(formula) > LONGEST:
        raise _refuse(formula, f"it is longer than {LONGEST} characters")
    try:
        tree = ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refuse(formula, "it is not an expression") from error
    if sum(1 for _ in ast.walk(tree)) > NODES:
        raise _refuse(formula, f"it has more than {NODES} parts")
    try:
        return _value(tree.body, names)
    except ZeroDivisionError as error:
        raise _refuse(formula, f"it divides by zero for {_say(names)}") from error
    except (ArithmeticError, ValueError, TypeError) as error:
        raise _refuse(formula, f"it has no value for {_say(names)}: {error}") from error


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            value = node.value
        case ast.Name(id=name):
            if name not in names:
                raise _refuse(name, f"the name {name!r} is not drawn")
            value = names[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            value = _value(inner, names)
            value = -value if isinstance(node.op, ast.USub) else value
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            a, b = _value(left, names), _value(right, names)
            if isinstance(sign, ast.Pow) and abs(b) > 64:  # the one sign that can make a number too long to compute
                raise _refuse(ast.unparse(node), "an exponent is beyond 64")
            value = _OPERATORS[type(sign)](a, b)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and args:
            value = _FUNCTIONS[name](*[_value(one, names) for one in args])
        case _:
            raise _refuse(ast.unparse(node), f"{type(node).__name__} is not arithmetic")
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > LARGEST:
        raise _refuse(ast.unparse(node), "a number on the way is beyond 10^15, or is none")
    return value


def values_of(numeric: Numeric) -> dict[str, list[float]]:
    """Each name with every value that it can take."""
    return {name: [_clean(low + step * n) for n in range(int((high - low) / step + 1e-9) + 1)]
            for name, (low, high, step) in numeric.draw.items()}


def variant(numeric: Numeric, seed: int) -> Variant:
    """The numbers that this seed draws; the same seed draws the same. Raises `InvalidFormula`."""
    values = {name: every[_hash(f"{seed}:{name}") % len(every)] for name, every in values_of(numeric).items()}
    return Variant(values, _clean(evaluate(numeric.answer, values)))


def variants(numeric: Numeric, most: int = 200) -> list[dict[str, float]]:
    """Every combination of values, or the corners and a seeded sample of them if there are more than `most`."""
    every = values_of(numeric)
    if math.prod(map(len, every.values())) <= most:
        return [dict(zip(every, one, strict=True)) for one in itertools.product(*every.values())]
    corners = itertools.islice(itertools.product(*[(one[0], one[-1]) for one in every.values()]), most)
    sample = [{name: one[_hash(f"{n}:{name}") % len(one)] for name, one in every.items()} for n in range(most)]
    return [dict(zip(every, corner, strict=True)) for corner in corners] + sample


def fill(text: str, values: Mapping[str, float]) -> str:
    """`text` with each `{name}` replaced by its value, as in 1,200. Other braces stay as they are."""
    return re.sub(r"\{([A-Za-z_]\w*)\}", lambda gap: f"{values[gap[1]]:,}" if gap[1] in values else gap[0], text)


def is_close(given: float, answer: float, tolerance: float) -> bool:
    """Whether `given` is within `tolerance`, a share of `answer`; rounding of the last bits is always forgiven."""
    return abs(given - answer) <= max(tolerance, 1e-9) * abs(answer) + (1e-9 if answer == 0 else 0)


def review_seed(card_id: str, reviews: int, base: int = 0) -> int:
    """The seed of a card's next review: another one each time, and the same on every machine."""
    return _hash(f"{card_id}:{reviews}:{base}") % 2**31


def mixed(things: Sequence[Any], seed: int) -> list[Any]:
    """The things in an order that the seed chooses, never the one given (if there are two or more)."""
    order = sorted(range(len(things)), key=lambda n: _hash(f"{seed}:{n}"))
    if order == sorted(order):
        order = order[1:] + order[:1]
    return [things[n] for n in order]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _clean(value: float) -> float:
    """0.30000000000000004 as 0.3, and 12.0 as 12."""
    value = round(value, 9)
    return int(value) if float(value).is_integer() else value


def _say(names: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in names.items()) or "no names"


def _refuse(formula: str, why: str) -> InvalidFormula:
    return InvalidFormula(f"the formula {formula[:80]!r} cannot be used", why=why,
                          next_step="write arithmetic over the drawn names: + - * / // % **, max, min, ceil, floor, "
                                    "round")
