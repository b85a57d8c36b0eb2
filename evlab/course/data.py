"""Where the course's files are, the shop's orders that run through every notebook, and what real servers did."""

from __future__ import annotations

import json
import os
import pathlib

from evlab.errors import EvlabError, InvalidUse

__all__ = ["CourseFileError", "course_folder", "load_engines", "load_orders"]


class CourseFileError(EvlabError):
    """A file of the course is missing or damaged. `path` is its path inside the course's folder."""


def course_folder() -> pathlib.Path:
    """The folder that holds notebooks/, labs/ and data/: the checkout, or what EVLAB_COURSE names."""
    named = os.environ.get("EVLAB_COURSE")
    folder = pathlib.Path(named).expanduser().absolute() if named else pathlib.Path(__file__).resolve().parents[2]
    if not (folder / "notebooks").is_dir():
        raise CourseFileError("the course's notebooks are not here",
                              why=f"EVLAB_COURSE={named} has no folder notebooks/" if named else
                              "this evlab was installed without them",
                              next_step="run `make lab` in a clone of the course, or set EVLAB_COURSE to its folder",
                              path="notebooks")
    return folder


def load_orders(limit: int | None = None) -> list[dict]:
    """The shop's orders, oldest first, as dicts: the first `limit` of them, or all.

    Each call reads data/orders.jsonl anew, so you may change what you get. Raises `CourseFileError` if the file is
    missing or a line of it is no order, and `InvalidUse` if `limit` is not a count.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise InvalidUse(f"limit={limit!r} is not a number of orders", next_step="give 0 or more, or leave it out")
    orders: list[dict] = []
    try:
        with open(course_folder() / "data" / "orders.jsonl", "rb") as lines:
            for number, line in enumerate(lines, 1):
                if limit is not None and len(orders) >= limit:
                    break
                orders.append(_order(line, number))
    except FileNotFoundError as error:
        raise _damaged("data/orders.jsonl is missing") from error
    except OSError as error:
        raise _damaged(f"data/orders.jsonl cannot be read: {error.strerror}") from error
    return orders


def load_engines() -> dict:
    """What real servers did when `python benchmarks/engines.py` last ran: machine, servers, gap, rates.

    "gap" is what `evlab.engines.postgres_gap.gap` gave; "rates" has a row for each engine, in messages a second.
    Raises `CourseFileError` if data/engines.json is missing or damaged.
    """
    try:
        return json.loads((course_folder() / "data" / "engines.json").read_bytes())
    except (OSError, ValueError) as error:
        raise CourseFileError("data/engines.json is missing or damaged", path="data/engines.json",
                              why="notebook 23 draws from it where no real server runs",
                              next_step="run `git checkout -- data/engines.json` in the course's folder") from error


def _order(line: bytes, number: int) -> dict:
    try:
        order = json.loads(line)
    except ValueError as error:
        raise _damaged(f"line {number} of data/orders.jsonl is not JSON") from error
    if not isinstance(order, dict):
        raise _damaged(f"line {number} of data/orders.jsonl is not an order")
    return order


def _damaged(what: str) -> CourseFileError:
    return CourseFileError(what, why="every notebook starts from this file, so it must be as the course ships it",
                           next_step="run `git checkout -- data/orders.jsonl` in the course's folder",
                           path="data/orders.jsonl")
