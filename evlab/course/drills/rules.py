"""The rules that a card of the deck keeps. Each function looks at what stands in the file and names every fault."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from evlab.course.drills.cards import KINDS, LEVELS, Numeric
from evlab.course.drills.numeric import InvalidFormula, evaluate, variants
from evlab.course.wording import voice

__all__ = ["GAP", "faults_of_card", "faults_of_plan_item", "shown"]

GAP = re.compile(r"\{([^{}]*)\}")
OWN_KEYS = {"choice": {"options"}, "trace": {"options", "trace"}, "order": {"items"}, "cloze": {"text"},
            "numeric": {"numeric"}, "open": {"rubric"}}
ALWAYS = {"id", "level", "kind", "notebook", "prompt", "answer", "pitfalls", "follow_ups", "proof"}
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NOTEBOOK = re.compile(r"[01][0-9]|2[0-4]")
MOST_WORDS, SHORT, PROOF_LINES = 60, 40, 25
DEFINITION = re.compile(r"(what (is|are|does|do)|define|describe|explain( what)?|list|name)\b[^.?!]*[.?!]?", re.I)
NUMBER = re.compile(r"\d|\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|twice|once|half|third|hundred|"
                    r"thousand|million|double[sd]?)\b", re.I)


def faults_of_card(raw: Any, thorough: bool = True) -> Iterator[str]:
    """Every fault of one entry under `cards`, in plain words; nothing if it can be drilled.

    Without `thorough` the slow rules are left out: how it is worded, whether a proof compiles and looks at what its
    code has made, and whether a formula always has a value.
    """
    if not isinstance(raw, dict):
        yield "a card is a table of keys, as in `- id: late-subscriber`"
        return
    kind = raw.get("kind")
    yield from _keys(raw, ALWAYS | OWN_KEYS.get(kind if isinstance(kind, str) else "", set()), {"syllabus"})
    yield from _heading(raw)
    yield from _words(raw)
    for name, rule in (("options", _options), ("items", _items), ("text", _cloze), ("numeric", _numeric),
                       ("trace", _trace), ("rubric", _rubric)):
        if name in raw and name in OWN_KEYS.get(kind if isinstance(kind, str) else "", set()):
            yield from rule(raw[name], raw)
    if "proof" in raw:
        yield from _proof(raw["proof"], raw, thorough)
    if thorough:
        yield from (f"{place} holds {what}" for place, text in _said(raw) for what in voice(text))
    if thorough and kind == "numeric" and not any(_numeric(raw.get("numeric"), raw)):
        yield from _formula(raw["numeric"]["draw"], raw["numeric"]["answer"])


def faults_of_plan_item(raw: Any) -> Iterator[str]:
    """Every fault of one entry of plan.yaml."""
    if not isinstance(raw, dict):
        yield "an item is a table of keys, as in `- id: takeaway-1`"
        return
    id = raw.get("id")
    talking = isinstance(id, str) and id.startswith("talking-point-")
    yield from _keys(raw, {"id", "text", "notebook"} | ({"breaks"} if talking else set()), set())
    if "id" in raw and not (isinstance(id, str) and re.fullmatch(r"(talking-point|question|takeaway)-[1-9]", id)):
        yield f"id {shown(id)} is not like talking-point-1, question-1 or takeaway-1"
    yield from _notebook(raw)
    for name in ("text", "breaks"):
        yield from _is_text(raw, name)


def shown(value: Any) -> str:
    """A value of the file, short enough for one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ------------------------------------------------------------------------------------------------- every kind


def _keys(raw: dict, needed: set[str], more: set[str]) -> Iterator[str]:
    for name in sorted(needed - raw.keys()):
        yield f"{name} is missing"
    for name in raw:
        if name not in needed | more:
            yield f"the key {shown(name)} is unknown here"


def _heading(raw: dict) -> Iterator[str]:
    if "id" in raw and not (isinstance(raw["id"], str) and ID.fullmatch(raw["id"]) and len(raw["id"]) <= 60):
        yield f"id {shown(raw['id'])} is not small letters, digits and hyphens"
    for name, known in (("level", LEVELS), ("kind", KINDS)):
        if name in raw and raw[name] not in known:
            yield f"{name} {shown(raw[name])} is not one of {', '.join(known)}"
    yield from _notebook(raw)
    items = raw.get("syllabus", [])
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        yield "syllabus is not a list of ids of the plan"


def _notebook(raw: dict) -> Iterator[str]:
    if "notebook" in raw and not (isinstance(raw["notebook"], str) and NOTEBOOK.fullmatch(raw["notebook"])):
        yield f"notebook {shown(raw['notebook'])} is not two digits in quotes, \"00\" to \"24\""


def _words(raw: dict) -> Iterator[str]:
    for name in ("prompt", "answer"):
        yield from _is_text(raw, name)
    answer, prompt = raw.get("answer"), raw.get("prompt")
    if isinstance(answer, str) and len(answer.split()) > MOST_WORDS:
        yield f"answer has {len(answer.split())} words; {MOST_WORDS} is the most"
    if isinstance(prompt, str) and len(prompt.split()) <= 15 and DEFINITION.fullmatch(prompt.strip()):
        yield "prompt asks for a bare definition; set a scenario and ask for one decision"
    for name in ("pitfalls", "follow_ups"):
        yield from _texts(raw.get(name), name, 1, 3, SHORT) if name in raw else ()


def _said(raw: dict) -> Iterator[tuple[str, str]]:
    """(place, text) of all that a learner reads of the card."""
    for place in ("prompt", "answer", "text"):
        yield place, str(raw.get(place, ""))
    for place, key in (("pitfalls", ""), ("follow_ups", ""), ("items", ""), ("options", "text"), ("options", "why"),
                       ("rubric", "point")):
        for number, one in enumerate(raw[place] if isinstance(raw.get(place), list) else [], 1):
            text = one.get(key) if key and isinstance(one, dict) else one
            yield f"{place} {number}", text if isinstance(text, str) else ""


def _is_text(raw: dict, name: str) -> Iterator[str]:
    if name in raw and not (isinstance(raw[name], str) and raw[name].strip()):
        yield f"{name} is not text (a value such as yes, 3 or `a: b` needs quotes)"


def _texts(value: Any, name: str, least: int, most: int, words: int = 0) -> Iterator[str]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        yield f"{name} is not a list of {least} to {most}"
        return
    for number, one in enumerate(value, 1):
        if not isinstance(one, str) or not one.strip():
            yield f"{name} {number} is not text (a value such as yes, 3 or `a: b` needs quotes)"
        elif words and len(one.split()) > words:
            yield f"{name} {number} has {len(one.split())} words; {words} is the most"
    known = [one for one in value if isinstance(one, str)]
    if len(set(known)) < len(known):
        yield f"{name} says the same twice"


# -------------------------------------------------------------------------------------------------- one kind


def _options(options: Any, _raw: dict) -> Iterator[str]:
    if not isinstance(options, list) or not 3 <= len(options) <= 4:
        yield "options is not a list of 3 or 4"
        return
    for number, option in enumerate(options, 1):
        if not isinstance(option, dict):
            yield f"option {number} is not a table with text and why"
            continue
        for fault in (*_keys(option, {"text", "why"}, {"right"}), *_is_text(option, "text"), *_is_text(option, "why")):
            yield f"option {number}: {fault}"
        if not isinstance(option.get("right", False), bool):
            yield f"option {number}: right is {shown(option['right'])}, not true or false"
    tables = [option for option in options if isinstance(option, dict)]
    if (right := sum(option.get("right") is True for option in tables)) != 1:
        yield f"{right} options are right; one is"
    texts = [option["text"] for option in tables if isinstance(option.get("text"), str)]
    if len({text.strip().casefold() for text in texts}) < len(texts):
        yield "two options say the same"


def _items(items: Any, _raw: dict) -> Iterator[str]:
    yield from _texts(items, "items", 3, 6)


def _trace(trace: Any, raw: dict) -> Iterator[str]:
    yield from _is_text(raw, "trace")
    if isinstance(trace, str) and not 2 <= len(trace.strip().splitlines()) <= 30:
        yield "trace has not 2 to 30 lines"


def _cloze(text: Any, raw: dict) -> Iterator[str]:
    yield from _is_text(raw, "text")
    if not isinstance(text, str):
        return
    gaps = GAP.findall(text)
    if not 1 <= len(gaps) <= 4:
        yield f"text has {len(gaps)} gaps in braces; 1 to 4 is right"
    if re.search(r"[{}]", GAP.sub("", text)):
        yield "text has a brace that opens or closes no gap"
    for number, gap in enumerate(gaps, 1):
        if not all(one.strip() for one in gap.split("|")):
            yield f"gap {number} has an empty answer"
    if isinstance(raw.get("prompt"), str) and not GAP.sub("", text).strip(" .,;:"):
        yield "text is nothing but gaps"


def _numeric(numeric: Any, raw: dict) -> Iterator[str]:
    if not isinstance(numeric, dict):
        yield "numeric is not a table with draw, answer, unit and tolerance"
        return
    yield from (f"numeric: {fault}" for fault in _keys(numeric, {"draw", "answer", "unit", "tolerance"}, set()))
    draw, formula, tolerance = numeric.get("draw"), numeric.get("answer"), numeric.get("tolerance", 0)
    if "unit" in numeric and not isinstance(numeric["unit"], str):
        yield "numeric: unit is not text"
    if not _is_number(tolerance) or not 0 <= tolerance < 1:
        yield f"numeric: tolerance {shown(tolerance)} is not a share from 0 to below 1"
    if not isinstance(draw, dict) or not 1 <= len(draw) <= 6:
        yield "numeric: draw is not a table of 1 to 6 names"
        return
    for name, span in draw.items():
        if not isinstance(name, str) or not name.isidentifier() or name == "answer":
            yield f"numeric: {shown(name)} cannot be the name of a number"
        elif not (isinstance(span, list) and len(span) == 3 and all(map(_is_number, span))
                  and span[0] < span[1] and span[2] > 0 and (span[1] - span[0]) / span[2] <= 10_000):
            yield f"numeric: {name} is not [low, high, step], with low below high and at most 10,000 steps"
        elif f"{{{name}}}" not in str(raw.get("prompt")):
            yield f"numeric: the prompt does not say {{{name}}}"
    for place in ("prompt", "answer"):
        for name in re.findall(r"\{([A-Za-z_]\w*)\}", str(raw.get(place))):
            if name not in draw and (place, name) != ("answer", "answer"):
                yield f"numeric: the {place} says {{{name}}}, which is not drawn"
    if "answer" in numeric and not (isinstance(formula, str) and formula.strip()):
        yield "numeric: answer is not an expression in quotes"


def _formula(draw: dict, formula: str) -> Iterator[str]:
    spans = {name: (float(low), float(high), float(step)) for name, (low, high, step) in draw.items()}
    answers = set()
    for names in variants(Numeric(spans, formula, "", 0)):
        try:
            answers.add(evaluate(formula, names))
        except InvalidFormula as error:
            yield f"numeric: {error.what}: {error.why}"
            return
    if len(answers) < 2:
        yield "numeric: the answer is the same whatever is drawn"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e12


def _rubric(rubric: Any, raw: dict) -> Iterator[str]:
    if not isinstance(rubric, list) or not 2 <= len(rubric) <= 9:  # one key ticks a point, so 9 is the most
        yield "rubric is not a list of 2 to 9 points"
        return
    weights = []
    for number, point in enumerate(rubric, 1):
        if not isinstance(point, dict):
            yield f"rubric point {number} is not a table with point and weight"
            continue
        for fault in (*_keys(point, {"point", "weight"}, set()), *_is_text(point, "point")):
            yield f"rubric point {number}: {fault}"
        weights.append(point.get("weight"))
        if not _is_number(weights[-1]) or weights[-1] <= 0:
            yield f"rubric point {number}: weight {shown(weights[-1])} is not a number above 0"
    if all(map(_is_number, weights)) and abs(sum(weights) - 1) > 1e-6:
        yield f"the weights of the rubric sum to {sum(weights):g}, not 1"
    answer = str(raw.get("answer"))
    if not NUMBER.search(answer):
        yield "an open answer names a number"
    if not re.search(r"depend", answer, re.I):
        yield "an open answer says what it depends on"


# ------------------------------------------------------------------------------------------------- the proof


def _proof(proof: Any, raw: dict, thorough: bool) -> Iterator[str]:
    if not isinstance(proof, dict):
        yield "proof is not a table with code, holds and fails"
        return
    yield from (f"proof: {fault}" for fault in _keys(proof, {"code", "holds", "fails"}, set()))
    for name in ("code", "holds", "fails"):
        text = proof.get(name)
        if name not in proof:
            continue
        if not isinstance(text, str) or not text.strip():
            yield f"proof: {name} is not text in quotes"
        elif thorough:
            yield from _compiles(name, text.rstrip() if name == "code" else text.strip())
    code = proof.get("code")
    if isinstance(code, str):
        if len(code.strip().splitlines()) > PROOF_LINES:
            yield f"proof: code has {len(code.strip().splitlines())} lines; {PROOF_LINES} is the most"
        if not re.search(r"\b(from|import) evlab\b", code):
            yield "proof: code does not use evlab"
        if thorough:
            yield from _looks_at_nothing(code, proof, raw)
    if isinstance(proof.get("holds"), str) and proof["holds"] == proof.get("fails"):
        yield "proof: holds and fails are the same"


def _looks_at_nothing(code: str, proof: dict, raw: dict) -> Iterator[str]:
    """An expression that names nothing of what the code has made would hold whatever the code does. What a numeric
    card's misconception would be is arithmetic, so its twin may look at the drawn numbers alone."""
    try:
        made = {name for node in ast.walk(ast.parse(code)) for name in (
            [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else
            [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else [])}
        for place in ("holds", "fails"):
            used = {node.id for node in ast.walk(ast.parse(str(proof.get(place, "")).strip(), mode="eval"))
                    if isinstance(node, ast.Name)}
            if not used & made and not (place == "fails" and raw.get("kind") == "numeric" and used):
                yield f"proof: {place} looks at nothing that the code has made"
    except (SyntaxError, ValueError):
        return  # which another rule names


def _compiles(name: str, text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text, mode="exec" if name == "code" else "eval")
    except (SyntaxError, ValueError) as error:
        yield f"proof: {name} does not compile: {error}"
        return
    if private := _private(tree):
        yield f"proof: {name} uses {private}, which is no public name"


def _private(tree: ast.AST) -> str:
    """The first name of another's inside that the code reaches for, or ""."""
    for node in ast.walk(tree):
        names = [node.attr] if isinstance(node, ast.Attribute) else (
            [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else [])
        for name in names:
            if name.startswith("_") and not name.endswith("__"):
                return name
    return ""
