"""The deck: data/drills/TOPIC.yaml, one file a topic, read into cards; and the linter that names every fault.

A learner's `evlab drill` reads the deck each time, so this module is quick: libyaml where it is installed, and the
slower rules (proofs that compile, formulas that have a value) wait for `lint`.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from evlab.course.data import CourseFileError, course_folder
from evlab.course.drills.cards import LEVELS, Card, Deck, Numeric, Option, PlanItem, Point, Proof
from evlab.course.drills.rules import ID, faults_of_card, faults_of_plan_item, shown

__all__ = ["DeckError", "Fault", "drills_folder", "lint", "load_deck", "uncovered"]

PLAN = "plan.yaml"


class DeckError(CourseFileError):
    """The deck is missing or a card of it is broken. `path` is its file, `card` its id or "", `faults` all of them."""


class Fault(NamedTuple):
    """One thing that is wrong in the deck."""

    file: str
    """As in "pub-sub.yaml"."""
    card: str
    """The card's id, "card 3" if it has none, or "" for the file itself."""
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.card}: {self.what}" if self.card else f"{self.file}: {self.what}"


def drills_folder() -> pathlib.Path:
    """The folder of the course's cards. Raises `CourseFileError` if the course is not here."""
    return course_folder() / "data" / "drills"


def load_deck(folder: pathlib.Path | None = None) -> Deck:
    """All cards of `folder` (the course's own by default), in course order.

    Raises `DeckError` for a deck that is missing, empty or broken: it names the first fault's file and card, and
    carries all of them as `faults`.
    """
    folder = folder or drills_folder()
    cards, titles, plan, faults = _read(folder, thorough=False)
    if faults:
        first, more = faults[0], len(faults) - 1
        what = f"data/drills/{first.file} is damaged" + (f" at card {first.card!r}" if first.card else "")
        raise DeckError(what, why=first.what + (f"; {more} more" if more else ""), path=f"data/drills/{first.file}",
                        next_step="`evlab drill --lint` lists every fault; `git checkout -- data/drills` takes the "
                                  "course's own cards again", card=first.card, faults=faults)
    if not cards:
        raise DeckError("there are no drill cards", why="data/drills holds no card", path="data/drills",
                        next_step="run `git checkout -- data/drills` in the course's folder", card="", faults=[])
    place = {id(card): number for number, card in enumerate(cards)}
    cards.sort(key=lambda card: (card.notebook, LEVELS.index(card.level), place[id(card)]))
    return Deck(tuple(cards), titles, tuple(plan))


def lint(folder: pathlib.Path | None = None) -> list[Fault]:
    """Every fault of every file of the deck, in the order of the files; [] for a deck that keeps all rules."""
    return _read(folder or drills_folder(), thorough=True)[3]


def uncovered(deck: Deck, notebooks: Iterable[str]) -> list[PlanItem]:
    """The items of the plan whose notebook is among `notebooks` ("02", ...) and that no card covers."""
    there = set(notebooks)
    covered = {item for card in deck.cards for item in card.syllabus}
    return [item for item in deck.plan if item.notebook in there and item.id not in covered]


# ------------------------------------------------------------------------------------------------ reading


def _read(folder: pathlib.Path, thorough: bool) -> tuple[list[Card], dict[str, str], list[PlanItem], list[Fault]]:
    cards: list[Card] = []
    titles: dict[str, str] = {}
    faults: list[Fault] = []
    plan = _read_plan(folder, faults)
    where: dict[str, str] = {}  # the file of each id
    prompts: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == PLAN:
            continue
        raw = _yaml(path, faults)
        if raw is None:
            continue
        _head(path, raw, titles, faults)
        for number, entry in enumerate(raw["cards"] if isinstance(raw.get("cards"), list) else [], 1):
            name = _name(entry, f"card {number}")
            found = list(faults_of_card(entry, thorough))
            if name in where:
                found.append(f"the id stands in {where[name]} too; an id is there once in all files")
            if isinstance(entry, dict):
                found += _known_items(entry, plan)
                prompt = " ".join(str(entry.get("prompt")).split())
                if prompts.setdefault(prompt, name) != name:
                    found.append(f"the prompt is that of {prompts[prompt]}")
            where.setdefault(name, path.name)
            faults += [Fault(path.name, name, what) for what in found]
            if not found:
                cards.append(_card(entry, path.stem))
    return cards, titles, plan, faults


def _head(path: pathlib.Path, raw: dict, titles: dict[str, str], faults: list[Fault]) -> None:
    for name in ("topic", "title", "cards"):
        if name not in raw:
            faults.append(Fault(path.name, "", f"{name} is missing"))
    faults += [Fault(path.name, "", f"the key {shown(name)} is unknown here")
               for name in raw if name not in ("topic", "title", "cards")]
    if raw.get("topic", path.stem) != path.stem or not ID.fullmatch(path.stem):
        faults.append(Fault(path.name, "", f"topic {shown(raw.get('topic'))} is not the file's name"))
    if "title" in raw and not (isinstance(raw["title"], str) and raw["title"].strip()):
        faults.append(Fault(path.name, "", "title is not text"))
    if "cards" in raw and not (isinstance(raw["cards"], list) and raw["cards"]):
        faults.append(Fault(path.name, "", "cards is not a list of cards"))
    titles[path.stem] = str(raw.get("title", path.stem)).strip()


def _name(entry: Any, otherwise: str) -> str:
    id = entry.get("id") if isinstance(entry, dict) else None
    return id if isinstance(id, str) and id else otherwise


def _known_items(entry: dict, plan: list[PlanItem]) -> list[str]:
    known = {item.id for item in plan}
    items = entry.get("syllabus", [])
    return [f"syllabus: the plan has no item {shown(item)}" for item in (items if isinstance(items, list) else [])
            if isinstance(item, str) and item not in known]


def _read_plan(folder: pathlib.Path, faults: list[Fault]) -> list[PlanItem]:
    path = folder / PLAN
    if not path.exists():
        return []
    raw = _yaml(path, faults, list)
    items: list[PlanItem] = []
    for number, entry in enumerate(raw or [], 1):
        name = _name(entry, f"item {number}")
        found = list(faults_of_plan_item(entry))
        if any(item.id == name for item in items):
            found.append("the id stands there twice")
        faults += [Fault(PLAN, name, what) for what in found]
        if not found:
            items.append(PlanItem(name, _line(entry["text"]), entry["notebook"], _line(entry.get("breaks", ""))))
    return items


def _yaml(path: pathlib.Path, faults: list[Fault], wanted: type = dict) -> Any:
    """What stands in the file, or None after noting the fault. Keys that stand twice in one table are a fault."""
    import yaml

    try:
        raw = yaml.load(path.read_text("utf-8"), _loader())  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "strerror", None) or str(error)
        line = f"line {mark.line + 1}: " if mark else ""
        faults.append(Fault(path.name, "", " ".join(f"{line}{reason}".split())))
        return None
    if not isinstance(raw, wanted):
        faults.append(Fault(path.name, "", f"it holds no {'table' if wanted is dict else 'list'} at its top"))
        return None
    return raw


def _loader() -> type:
    """PyYAML's safe loader, written in C where that is installed (ten times as fast), which refuses a key twice."""
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict:
            seen = set()
            for key, _ in node.value:
                name = self.construct_object(key, deep=True)
                if not isinstance(name, str):
                    raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} is not text; quote it",
                                                            key.start_mark)
                if name in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} stands there twice",
                                                            key.start_mark)
                seen.add(name)
            return super().construct_mapping(node, deep)

    return Loader


# ----------------------------------------------------------------------------------------------- building


def _card(raw: dict, topic: str) -> Card:
    """The card of an entry without faults."""
    numeric = raw.get("numeric")
    return Card(
        id=raw["id"], topic=topic, level=raw["level"], kind=raw["kind"], notebook=raw["notebook"],
        prompt=raw["prompt"].strip(), answer=_line(raw["answer"]), pitfalls=_lines(raw["pitfalls"]),
        follow_ups=_lines(raw["follow_ups"]), syllabus=tuple(raw.get("syllabus", ())),
        proof=Proof(raw["proof"]["code"].rstrip("\n"), raw["proof"]["holds"], raw["proof"]["fails"]),
        options=tuple(Option(_line(one["text"]), _line(one["why"]), one.get("right", False))
                      for one in raw.get("options", ())),
        items=_lines(raw.get("items", ())), text=_line(raw.get("text", "")), trace=raw.get("trace", "").rstrip("\n"),
        rubric=tuple(Point(_line(one["point"]), float(one["weight"])) for one in raw.get("rubric", ())),
        numeric=None if numeric is None else Numeric(
            {name: (low, high, step) for name, (low, high, step) in numeric["draw"].items()}, numeric["answer"],
            numeric["unit"], numeric["tolerance"]))


def _line(text: str) -> str:
    return " ".join(text.split())


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_line, texts))
