"""A card as plain values for the browser, and as static HTML and text for a notebook that is only read."""

from __future__ import annotations

from evlab.course.drills.cards import Card, Deck
from evlab.course.drills.grading import cloze_parts
from evlab.course.drills.interview import Interview, clock_text
from evlab.course.drills.proof import Proved
from evlab.course.drills.sayings import in_order, many, verdict, when
from evlab.course.drills.session import Shown, Told
from evlab.viz.theme import BLUE, LINE, MUTED, escape, safe
from evlab.widgets.card import MONO, card, note, paragraph, words

__all__ = ["TASK", "about", "asked_view", "card_html", "card_text", "proof_view", "rubric_view", "talk_about",
           "talk_html", "talk_text", "told_rows"]

TASK = "Answer each question aloud or in writing, as you would in the room. Then tick what you said."
"""What an interview asks of the learner."""
_COURSE_OF_IT = (
    "Run the cell and press Start: the first question comes, and the clock runs while you answer.",
    "After each answer the rubric comes, and the clock stands still while you tick. Then an answer, and what is "
    "asked next.",
    "At the end stand your score, the points that you did not say, and the notebooks to revise.")


def about(card: Card, deck: Deck, new: bool) -> dict:
    """What stands above the question."""
    words = [deck.titles[card.topic], card.level, f"notebook {card.notebook}"] + (["new"] if new else [])
    return {"about": " \u00b7 ".join(words)}


def asked_view(shown: Shown, told: Told | None = None) -> dict:
    """The card as the browser draws it, before the answer or after it."""
    card = shown.card
    return {"kind": card.kind, "prompt": shown.prompt, "trace": card.trace,
            "unit": card.numeric.unit if card.numeric else "", "options": _options(shown, told),
            "note": f"Here because of {shown.because}" if shown.because else "",
            "items": _items(shown, told), "parts": _parts(card, told),
            "rubric": rubric_view(card, told)["rubric"] if told is not None and card.rubric else []}


def _options(shown: Shown, told: Told | None) -> list[dict]:
    made = []
    for place, (number, option) in enumerate(zip(shown.order, shown.options, strict=False)):
        chosen = told is not None and told.given == number
        tone = "" if told is None else "right" if option.right else "wrong" if chosen else ""
        made.append({"value": place, "text": option.text, "tone": tone, "chosen": chosen,
                     "why": option.why if told is not None else ""})
    return made


def _items(shown: Shown, told: Told | None) -> list[dict]:
    if told is None:
        return [{"value": place, "text": text, "tone": ""} for place, text in enumerate(shown.items)]
    return [{"value": place, "text": text, "tone": tone}
            for place, (text, tone) in enumerate(in_order(told) if shown.card.items else [])]


def _parts(card: Card, told: Told | None) -> list[dict]:
    """The cloze text: words, and after all but the last a gap, filled once it is told."""
    made, parts = [], cloze_parts(card.text) if card.text else []
    for number, (before, allowed) in enumerate(parts):
        part = {"words": before, "gap": bool(allowed), "given": "", "right": "", "tone": ""}
        if told is not None and allowed:
            mark = bool(told.grade.marks) and told.grade.marks[number]
            part |= {"given": told.given[number] if told.given else "", "right": "" if mark else allowed[0],
                     "tone": "right" if mark else "wrong"}
        made.append(part)
    return made


def rubric_view(card: Card, told: Told | None = None) -> dict:
    """The points of an open card; with `told`, which were said."""
    marks = told.grade.marks if told is not None and told.grade.marks else (None,) * len(card.rubric)
    return {"rubric": [{"value": number, "text": point.text, "weight": f"{point.weight:.0%}",
                        "tone": {True: "right", False: "wrong", None: ""}[mark]}
                       for number, (point, mark) in enumerate(zip(card.rubric, marks, strict=True))]}


def told_rows(told: Told, now: float) -> dict:
    """The rows under the answer, and the verdict above them."""
    shown, card = told.shown, told.shown.card
    rows = []
    if shown.variant is not None and card.numeric is not None:
        rows.append(["Counted", f"{shown.variant.answer:,} {card.numeric.unit} (`{card.numeric.answer}`)"])
    rows.append(["Answer", told.answer])
    rows += [["Watch out", text] for text in told.pitfalls] + [["Asked next", text] for text in told.follow_ups]
    rows += [["Taught in", f"notebook {card.notebook}"], ["Comes again", when(told.due, now)]]
    plain = told.given is None or (card.kind == "open" and not told.grade.right)  # neither right nor wrong
    good = None if plain else told.grade.right
    return {"verdict": verdict(told), "good": good, "rows": rows}


def proof_view(card: Card, proved: Proved) -> dict:
    """What running the proof showed."""
    checks = [] if proved.error else [
        {"text": card.proof.holds, "value": repr(proved.holds), "good": proved.holds is True},
        {"text": card.proof.fails, "value": f"{proved.fails!r}, the misconception", "good": proved.fails is False}]
    return {"code": card.proof.code, "printed": proved.printed.rstrip("\n"), "checks": checks, "error": proved.error}


# ----------------------------------------------------------------------------------------------- to read


def card_text(shown: Shown, deck: Deck) -> str:
    """The card and its answer as text."""
    one = shown.card
    lines = [f"Drill: {deck.titles[one.topic]}, {one.level}, notebook {one.notebook}", shown.prompt, one.trace]
    lines += [f"  ( ) {option.text}" for option in shown.options] + [f"  - {text}" for text in shown.items]
    lines += [_blank(one)] if one.text else []
    lines += [f"Answer: {shown.fill(one.answer)}"]
    return "\n".join(safe(part) for line in lines if line for part in line.split("\n"))


def card_html(shown: Shown | None, deck: Deck) -> str:
    """The card as HTML that needs no trust, its answer folded away."""
    if shown is None:
        return card(paragraph("Nothing is due."), label="Drill")
    one = shown.card
    parts = [note(about(one, deck, False)["about"]), paragraph(shown.prompt, size=15, weight=600, top=4)]
    if one.trace:
        parts.append(_code(one.trace))
    parts += [_line(option.text) for option in shown.options] + [_line(text) for text in shown.items]
    parts += [paragraph(_blank(one), top=8)] if one.text else []
    reasons = paragraph(shown.fill(one.answer), top=6)
    for option in shown.options:
        reasons += paragraph(f"{option.text}: {option.why}", top=6, size=13, **({} if option.right else
                                                                                {"colour": MUTED}))
    if one.items:
        reasons += paragraph("\n".join(f"{number}. {text}" for number, text in enumerate(one.items, 1)), top=6)
    if one.text:
        reasons += paragraph("".join(before + (f"[{allowed[0]}]" if allowed else "")
                                     for before, allowed in cloze_parts(one.text)), top=6)
    reasons += "".join(paragraph(f"{point.weight:.0%} {point.text}", top=4, size=13) for point in one.rubric)
    reasons += paragraph("The proof", weight=600, top=10, size=13) + _code(one.proof.code)
    parts.append(f'<details style="margin:12px 0 0"><summary style="cursor:pointer;color:{BLUE.text};'
                 f'font-weight:600">Answer</summary>{reasons}</details>')
    return card(*parts, label="Drill")


def talk_about(talk: Interview) -> str:
    """How many questions, and in what time."""
    return f"{many(len(talk.cards), 'question')}, {clock_text(talk.minutes * 60)}"


def talk_text(talk: Interview) -> str:
    """An interview before it starts, as text: what is asked about and what will happen, but no question."""
    lines = [f"Mock interview: {talk_about(talk)}", TASK]
    lines += [f"  {number}. {text}" for number, text in enumerate(_topics(talk), 1)]
    return "\n".join(safe(line) for line in [*lines, *_COURSE_OF_IT])


def talk_html(talk: Interview) -> str:
    """The same as HTML that needs no trust."""
    parts = [note(talk_about(talk)), paragraph(TASK, size=15, weight=600, top=4)]
    parts += [_line(f"{number}. {text}") for number, text in enumerate(_topics(talk), 1)]
    parts += [paragraph(text, size=13, top=8 if number == 0 else 4) for number, text in enumerate(_COURSE_OF_IT)]
    return card(*parts, label="Mock interview")


def _topics(talk: Interview) -> list[str]:
    return [f"{talk.deck.titles[one.topic]}, {one.level}, notebook {one.notebook}: an open question with a rubric of "
            f"{many(len(one.rubric), 'point')}" for one in talk.cards]


def _blank(one: Card) -> str:
    return "".join(before + ("____" if allowed else "") for before, allowed in cloze_parts(one.text))


def _line(text: str) -> str:
    return (f'<p style="margin:7px 0 0;padding:7px 12px;border:1px solid {LINE};border-radius:8px;'
            f'background:#FFFFFF">{words(text)}</p>')


def _code(text: str) -> str:
    return (f'<pre style="margin:8px 0 0;padding:8px 12px;border:1px solid {LINE};border-radius:6px;'
            f'background:#F4F6F8;color:#1B2733;font-family:{MONO};font-size:12px;white-space:pre-wrap">'
            f'{escape(text, 8000)}</pre>')
