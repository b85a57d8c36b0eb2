"""The learner's guess beside the truth, drawn so that the distance between them is what one sees."""

from __future__ import annotations

import math
from typing import Any

from evlab.errors import InvalidUse
from evlab.sim.history import describe
from evlab.viz.figure import Figure
from evlab.viz.svg import EDGE, Svg, clip, round_step, wrap
from evlab.viz.theme import CARD, GREEN, GREY, INK, LINE, MUTED, SMALL, VERMILLION, Tone, safe, sentence, width_of

__all__ = ["compare", "counted"]

WIDTH = 760
NO_GUESS = "No guess recorded"


def compare(prediction: Any, actual: Any, *, title: str = "", unit: str = "", why: str = "") -> Figure:
    """Draw a guess against what happened.

    prediction: has `.prompt`, `.guess` (None: none was made), `.sample` (the author's guess, not the learner's),
    `.options` (option -> what is wrong with it, or None for a number) and `.unit`. actual: the number, or the option,
    that turned out true. title: the finding, by default the prediction's `.finding`. unit: overrides the prediction's.
    why: the cause, in a sentence or two. A prediction with a method `judge` is told what turned out true.
    A guess that is no number where the truth is one is shown as it is. Raises `InvalidUse` without a title.
    """
    title = title or getattr(prediction, "finding", "")
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a comparison needs a title", why="it states the finding",
                         next_step='write compare(guess, 955, title="One slow service held up all of them")')
    judge = getattr(prediction, "judge", None)
    if judge is not None:
        judge(actual)
    guess, options = getattr(prediction, "guess", None), getattr(prediction, "options", None)
    prompt = safe(getattr(prediction, "prompt", "") or "")
    unit = safe(unit or getattr(prediction, "unit", "") or "", 20)
    whose = "sample guess" if getattr(prediction, "sample", False) else "your guess"
    number = not options and _is_number(actual)
    verdict = _verdict(guess, actual, whose, unit, number)
    alt = f"{sentence(title)} {verdict}"
    svg = Svg(WIDTH, title, alt)
    y = svg.heading(prompt)
    y = svg.paragraph(EDGE, y + 4, verdict, WIDTH - 2 * EDGE, bold=True, lines=3) + 4
    lines = [safe(title, 300)] + ([f"  question: {prompt}"] if prompt else [])
    if number and (guess is None or _is_number(guess)):
        y = _draw_scale(svg, y, guess, actual, whose, unit)
        lines += [] if guess is None else [f"  {whose}: {_amount(guess, unit)}"]
        lines += [f"  truth: {_amount(actual, unit)}"]
    else:
        feedback = options if isinstance(options, dict) else dict.fromkeys(options or ())
        feedback = {describe(option): text for option, text in feedback.items()}
        for extra in (guess, actual):
            if extra is not None and describe(extra) not in feedback:
                feedback[describe(extra)] = None
        y, rows = _draw_options(svg, y, feedback, guess, actual, whose)
        lines += rows
    if why:
        y = svg.paragraph(EDGE, y + 10, f"Why: {why}", WIDTH - 2 * EDGE, lines=5) - 10
        lines.append(f"  why: {safe(why)}")
    return Figure(svg.render(y + 16), alt, "\n".join([*lines, f"  {verdict}"]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _amount(value: Any, unit: str = "") -> str:
    """A number as people write it, at most four digits after the leading zeros of a fraction."""
    if not _is_number(value):
        return describe(value)
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif 1e-4 <= abs(value) < 1e15:
        digits = max(0, 3 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:.3g}"
    return counted(text, value, unit)


def counted(text: str, value: Any, unit: str) -> str:
    """A number, as `text`, with its unit; one of a thing in the singular: 1 receipt, 2 receipts."""
    if value == 1 and len(unit) > 3 and unit.endswith("s"):
        unit = unit[:-1]
    return f"{text} {unit}".strip()


def _verdict(guess: Any, actual: Any, whose: str, unit: str, number: bool) -> str:
    """What the comparison shows, in one sober sentence."""
    if guess is None:
        return f"{NO_GUESS}. The truth: {safe(_amount(actual, unit), 300)}."
    if describe(guess) == describe(actual) or (number and guess == actual):
        whose = {"sample guess": "The sample guess", "your guess": "Your guess"}[whose]
        return f"{whose} is right: {safe(_amount(actual, unit), 300)}."
    whose = whose.capitalize()
    if not number or not _is_number(guess):
        return f"{whose}: {safe(describe(guess), 300)}. The truth: {safe(describe(actual), 300)}."
    both = f"{whose}: {_amount(guess, unit)}. The truth: {_amount(actual, unit)}"
    if guess * actual <= 0 or not 1e-9 < actual / guess < 1e9:
        return f"{both}, off by {_amount(abs(guess - actual), unit)}."
    ratio = actual / guess
    if 0.67 < ratio < 1.5:
        return f"{both}, {abs(ratio - 1):.0%} {'more' if abs(actual) > abs(guess) else 'less'} than guessed."
    if ratio >= 1.5:
        return f"{both}, {_times(ratio)} the guess."
    return f"{both}; the guess is {_times(1 / ratio)} that."


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f}".removesuffix(".0") + " times"


def _draw_scale(svg: Svg, y: float, guess, actual, whose: str, unit: str) -> float:
    """One line of numbers; the guess stands above it, the truth below. Returns the bottom."""
    values = [0.0] + [float(value) for value in (actual, guess) if value is not None and abs(value) > 1e-12]
    low, high = min(values), max(values)
    step = round_step(high - low)
    if all(value == int(value) for value in values):
        step = max(step, 1.0)  # there is no half of a count
    low, high = math.floor(low / step) * step, math.ceil(high / step + 0.05) * step
    left, right, y = EDGE + 30.0, WIDTH - EDGE - 30.0, y + (48 if guess is not None else 22)

    def at(value: float) -> float:
        return left + (right - left) * (value - low) / (high - low)

    svg.line([(left - 12, y), (right + 12, y)], GREY.main, 1.6)
    for index in range(round((high - low) / step) + 1):
        tick = low + index * step
        svg.line([(at(tick), y - 4), (at(tick), y + 4)], GREY.main, 1.4)
    truth = at(actual)
    if guess is not None:
        mark = at(guess)
        colour = GREEN.main if guess == actual else VERMILLION.main
        if abs(mark - truth) > 22:
            svg.arrow((mark, y), (truth + (9 if truth < mark else -9), y), colour, width=3)
            far = guess * actual > 0 and (1.5 <= actual / guess < 1e9 or 1.5 <= guess / actual < 1e9)
            if abs(mark - truth) > 110 and far:
                ratio = f"× {_times(actual / guess)}" if actual / guess >= 1.5 else f"÷ {_times(guess / actual)}"
                svg.text((mark + truth) / 2, y - 9, ratio.removesuffix(" times"), anchor="middle", bold=True,
                         colour=VERMILLION.text)
        svg.line([(mark, y), (mark, y - 22)], INK, 1.6, "3 3")
        svg.circle(mark, y, 9 if guess == actual else 6.5, GREEN.tint if guess == actual else CARD,
                   GREEN.main if guess == actual else INK)
        _beside(svg, mark, y - 28, f"{whose}: {_amount(guess, unit)}", INK)
    svg.line([(truth, y), (truth, y + 30)], INK, 1.6)
    svg.polygon([(truth, y - 8), (truth + 8, y), (truth, y + 8), (truth - 8, y)], INK, CARD, 1.5)
    _beside(svg, truth, y + 46, f"truth: {_amount(actual, unit)}", INK)
    for index in range(round((high - low) / step) + 1):
        tick = round(low + index * step, 12)
        text, x = _amount(tick), at(tick)
        if abs(x - truth) > width_of(text, SMALL) / 2 + 6:
            svg.text(x, y + 20, text, size=SMALL, anchor="middle", colour=MUTED)
    return y + 64


def _beside(svg: Svg, x: float, y: float, text: str, colour: str) -> tuple[float, float]:
    """Words centred at x, moved inwards where they would leave the card. Returns their left and right end."""
    text = clip(text, WIDTH - 2 * EDGE, bold=True)
    half = width_of(text, bold=True) / 2
    x = min(max(x, EDGE + half), WIDTH - EDGE - half)
    svg.text(x, y, text, anchor="middle", bold=True, colour=colour)
    return x - half, x + half


def _draw_options(svg: Svg, y: float, feedback: dict[str, Any], guess, actual, whose: str) -> tuple[float, list[str]]:
    """One row an option; the guess and the truth are marked, each with its reason under it."""
    true, guessed = describe(actual), None if guess is None else describe(guess)
    wide, rows = WIDTH - 2 * EDGE, []
    y -= 8
    for option, reason in feedback.items():
        right, mine = option == true, option == guessed
        tag = " and ".join((["the truth"] if right else []) + ([whose] if mine else []))
        room = wide - 50 - (width_of(tag, SMALL, True) + 24 if tag else 0)
        lines = wrap(option, room, bold=right or mine, lines=3)
        told = wrap(reason, wide - 50, SMALL, lines=4) if reason and (mine or right) else []
        height = 15 + 17 * len(lines) + 16 * len(told)
        tone: Tone = GREEN if right else VERMILLION if mine else Tone(LINE, CARD, MUTED)
        svg.rect(EDGE, y, wide, height, fill=tone.tint, stroke=tone.main, line=2 if tag else 1.2, radius=8,
                 dash="6 4" if mine and not right else "")
        if right or mine:
            svg.badge(EDGE + 19, y + 16, "ok" if right else "fail", tone, 8)
        else:
            svg.circle(EDGE + 19, y + 16, 4, CARD, LINE)
        for index, line in enumerate(lines):
            svg.text(EDGE + 38, y + 20.5 + 17 * index, line, bold=right or mine)
        if tag:
            svg.text(EDGE + wide - 12, y + 20.5, tag, size=SMALL, anchor="end", bold=True, colour=tone.text)
        for index, line in enumerate(told):
            svg.text(EDGE + 38, y + 21 + 17 * len(lines) + 16 * index, line, size=SMALL, colour=tone.text)
        rows.append(f"  {'✓' if right else '✗' if mine else ' '} {safe(option, 200)}{f'   ({tag})' if tag else ''}")
        rows += [f"      {safe(reason)}"] if told else []
        y += height + 8
    return y + 6, rows
