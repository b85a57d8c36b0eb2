"""The grades as static pages: one a file that was handed in, and an index that says what to teach again.

Nothing in them runs, and nothing is fetched: no script, pictures as data in their own address, and a policy in each
page that forbids the rest. What learners wrote, and how they named their files, is escaped.
"""

from __future__ import annotations

import base64
import pathlib
import re
from collections import Counter
from typing import Any

from evlab.course.grading import Grades, Row
from evlab.course.judge.labs import find_lab, hints_of
from evlab.course.judge.verdict import histories
from evlab.course.reports import points
from evlab.course.workspace import write_atomically
from evlab.viz.theme import FONT, GREEN, GREY, INK, LINE, MUTED, VERMILLION, escape
from evlab.widgets.card import MONO, card, note, paragraph, words

__all__ = ["index_page", "learner_page", "write_html"]

_MARKS = {"passed": "\u2713", "failed": "\u2717", "broken": "!"}
_TONES = {"passed": GREEN, "failed": VERMILLION, "broken": VERMILLION}
_CELL = f"padding:6px 12px 6px 0;border-bottom:1px solid {LINE};font-size:13px;text-align:left;vertical-align:top"


def write_html(grades: Grades, folder: pathlib.Path) -> None:
    """FOLDER/index.html, and a page for each file beside it."""
    for rows in grades.files:
        write_atomically(folder / f"{rows[0].page}.html", learner_page(rows, grades).encode("utf-8", "replace"))
    write_atomically(folder / "index.html", index_page(grades).encode("utf-8", "replace"))


def learner_page(rows: list[Row], grades: Grades) -> str:
    """The page of one file: each question's verdict with its failing history."""
    parts = []
    for row in rows:
        lab = f"{row.lab}: {find_lab(row.lab).title}" if row.lab in grades.labs else "no lab"
        most = f" of {points(row.maximum)}" if row.lab in grades.labs else ""
        parts.append(_heading(2, f"{lab}, {points(row.total)}{most} points"))
        if row.note:
            parts.append(card(paragraph(f"{'Not judged' if not row.verdicts else 'Note'}: {row.note}"),
                              colour=VERMILLION.text, label=row.file))
        parts += [_verdict(verdict, row.figures.get(id)) for id, verdict in row.verdicts.items()]
    learner = rows[0].learner
    back = f'<p style="margin:18px 0 0"><a href="index.html">all who handed in</a></p><p>{words(grades.isolation)}</p>'
    return _page(learner, _heading(1, learner) + "".join(parts) + back)


def _verdict(verdict: dict[str, Any], figure: dict[str, str] | None) -> str:
    status = verdict["status"]
    parts = [paragraph(f"{verdict['question']}  {verdict['title']}: {points(verdict['earned'])} of "
                       f"{points(verdict['points'])} points", weight=600)]
    checks = [f'<li style="margin:2px 0">{escape(_MARKS.get(how, "-"))} {words(promise)}{_after(how, tried)}</li>'
              for promise, how, tried in verdict["checks"]]
    if checks:
        parts.append(f'<ul style="list-style:none;margin:6px 0 0;padding:0">{"".join(checks)}</ul>')
    if verdict["text"]:
        code = f" ({verdict['hint']})" if verdict["hint"] else ""
        parts.append(paragraph(f"{verdict['text']}{code}", top=10))
    if figure:
        data = base64.b64encode(figure["svg"].encode("utf-8", "replace")).decode("ascii")
        parts.append(f'<img alt="{escape(figure["alt"], 600)}" style="max-width:100%;height:auto;margin:10px 0 0" '
                     f'src="data:image/svg+xml;base64,{data}">')
    if verdict["lines"]:
        parts.append(_listing(verdict["lines"]))
    if verdict["printed"]:
        parts += [paragraph("The answer printed:", top=10), _listing(verdict["printed"].splitlines()[:40])]
    parts += [paragraph(" ".join(text.split()), top=10) for text in verdict["advice"].split("\n\n") if text.strip()]
    if verdict["seed"] is not None:
        seed, history = divmod(verdict["seed"], 1000)
        parts.append(note(f"See it again: evlab check FILE --question {verdict['question']} --seed {seed} "
                          f"--history {history}"))
    return card(*parts, label=f"{_MARKS.get(status, '-')} {status}", colour=_TONES.get(status, GREY).text, width=940)


def _after(how: str, tried: int) -> str:
    return escape(f" ({histories(tried)})" if how == "passed" else " (not reached)" if how == "not reached" else "")


def _listing(lines: list[str]) -> str:
    text = "\n".join(escape(line, 400) for line in lines)
    return (f'<pre style="margin:8px 0 0;padding:10px 12px;background:{GREY.tint};color:{INK};white-space:pre-wrap;'
            f'overflow-wrap:anywhere;border-radius:6px;font-family:{MONO};font-size:12px;line-height:1.5">{text}</pre>')


# ------------------------------------------------------------------------------------------------------- the index


def index_page(grades: Grades) -> str:
    """What to teach again, then everybody, lab by lab, then what could not be judged."""
    parts = [_heading(1, "Grades" + "".join(f", {name}: {find_lab(name).title}" for name in grades.labs))]
    unjudged = [row for row in grades.rows if not row.verdicts]
    about = f"Files: {len(grades.files)}, seed {grades.seed}. Isolation: {grades.isolation}."
    if unjudged:
        about += f" Not judged: {len(unjudged)}; the last table says why."
    if failed := grades.failed:
        about += f" In {len(failed)} rows the judge or a check failed by itself; their notes say so."
    parts.append(paragraph(about, colour=MUTED))
    parts += [_teach_again(lab, grades) for lab in grades.labs]
    parts += [_everybody(lab, grades) for lab in grades.labs]
    if unjudged:
        lines = [_line([_link(row, row.file), words(row.note)]) for row in unjudged]
        parts.append(card(_table(["file", "why"], lines), colour=VERMILLION.text, label="Not judged", width=1400))
    return _page("Grades", "".join(parts))


def _teach_again(lab: str, grades: Grades) -> str:
    """Per question: how many passed, and which mistakes were made how often, the most frequent first."""
    hints, lines = hints_of(lab), []
    rows = [row for row in grades.rows if row.lab == lab]
    for id, question in find_lab(lab).questions.items():
        verdicts = [row.verdicts[id] for row in rows if id in row.verdicts]
        passed = sum(verdict["status"] == "passed" for verdict in verdicts)
        counts = Counter(verdict["hint"] or verdict["status"] for verdict in verdicts if verdict["status"] != "passed")
        lines.append(_row("th", [f"{id}  {question.title}", f"{passed}\u00a0of\u00a0{len(verdicts)}\u00a0passed", ""]))
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            advice = " ".join(hints[code].advice.split("\n\n")[0].split()) if code in hints else ""
            lines.append(_row("td", [code, str(count), advice]))
    return card(_table(["mistake", "how\u00a0often", "what to say about it"], lines),
                label=f"What to teach again in {lab}", width=1100)


def _everybody(lab: str, grades: Grades) -> str:
    """Who did what in one lab."""
    rows = [row for row in grades.rows if row.lab == lab and row.verdicts]
    noted = ["note"] if any(row.note for row in rows) else []
    head = ["learner", *(id.partition(".")[2] for id in grades.labs[lab]), "points", *noted]
    lines = [_line([_link(row, row.learner), *(_mark(row, id) for id in grades.labs[lab]),
                    escape(f"{points(row.total)}\u00a0of\u00a0{points(row.maximum)}"),
                    *(words(row.note) for _ in noted)]) for row in rows]
    return card(_table(head, lines), label=f"Everybody in {lab}", width=1400) if lines else ""


def _mark(row: Row, id: str) -> str:
    """A question's mark and mistake."""
    verdict = row.verdicts.get(id)
    if verdict is None:
        return ""
    tone = _TONES.get(verdict["status"], GREY)
    said = f"{_MARKS.get(verdict['status'], '-')}\u00a0{verdict['hint'] or verdict['status']}"
    return f'<span style="color:{tone.text}">{_breakable(said, 300)}</span>'


def _link(row: Row, text: str) -> str:
    return f'<a href="{row.page}.html">{_breakable(text, 300)}</a>'


def _breakable(text: str, most: int) -> str:
    """Escaped text that may break between its words, so that a table fits on a sheet of paper."""
    return re.sub("([_/])", r"\1<wbr>", escape(text, most))


def _table(head: list[str], lines: list[str]) -> str:
    return (f'<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:4px 0 0">'
            f'<thead>{_row("th", head)}</thead><tbody>{"".join(lines)}</tbody></table></div>')


def _row(tag: str, cells: list[str]) -> str:
    """A line of a table, of plain text."""
    return _line([words(cell) for cell in cells], tag)


def _line(cells: list[str], tag: str = "td") -> str:
    """A line of a table, of cells that are HTML already."""
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{cell}</{tag}>' for cell in cells) + "</tr>"


def _heading(level: int, text: str) -> str:
    size = {1: 24, 2: 18}[level]
    return f'<h{level} style="margin:14px 0 8px;font-size:{size}px;line-height:1.3">{escape(text, 300)}</h{level}>'


def _page(title: str, body: str) -> str:
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title, 200)}</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" '
            'content="no-referrer"><meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none';img-src data:;style-src 'unsafe-inline';base-uri 'none';form-action 'none'\">"
            f'</head><body style="margin:0;padding:20px 28px 40px;background:#F4F6F8;color:{INK};font-family:{FONT};'
            f'font-size:14px;line-height:1.5;color-scheme:light">{body}</body></html>\n')
