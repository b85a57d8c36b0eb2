"""The light card that every question, source listing and playground stands on, as plain HTML.

A card carries its own background and ink, so it reads in JupyterLab's dark theme too. Everything here is inline
style from the set that JupyterLab keeps when it shows a notebook that is not trusted (no `display`, no classes, no
`<style>`), and it still reads in order when a viewer drops every style.
"""

from __future__ import annotations

import base64
import os
import re

from evlab.viz.theme import BLUE, CARD, FONT, INK, LINE, MUTED, escape

__all__ = ["MONO", "being_saved", "card", "image", "note", "paragraph", "table",
           "words"]

MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def being_saved() -> bool:
    """Whether this run makes or compares a saved notebook (`EVLAB_SAVED=1`): no learner is present."""
    return os.environ.get("EVLAB_SAVED") == "1"


def card(*parts: str, label: str = "", colour: str = BLUE.text, width: int = 760) -> str:
    """`parts`, which are HTML already, on one card at most `width` pixels wide, under a short label."""
    head = ""
    if label:
        head = (f'<p style="margin:0 0 6px;color:{colour};font-size:12px;font-weight:600;letter-spacing:0.4px;'
                f'line-height:1.4">{escape(label)}</p>')
    return (f'<div style="box-sizing:border-box;max-width:{width}px;margin:6px 0;padding:16px 20px;'
            f'background:{CARD};color:{INK};border:1px solid {LINE};border-radius:10px;'
            f'font-family:{FONT};font-size:14px;line-height:1.5">{head}{"".join(parts)}</div>')


def words(text: str) -> str:
    """Plain text as HTML: escaped, its lines kept, and what stands in `backticks` set as code."""
    code = f"padding:1px 4px;background:#EDF0F3;color:{INK};border-radius:4px;font-family:{MONO};font-size:92%"
    return "<br>".join(re.sub(r"`([^`]+)`", rf'<code style="{code}">\1</code>', escape(line, 4000))
                       for line in str(text).split("\n"))


def paragraph(text: str, *, size: int = 14, colour: str = INK, weight: int = 400, top: int = 0) -> str:
    """One paragraph of plain text, as `words` sets it."""
    return (f'<p style="margin:{top}px 0 0;color:{colour};font-size:{size}px;font-weight:{weight};'
            f'line-height:1.5">{words(text)}</p>')


def note(text: str) -> str:
    """A remark in small soft type, at the end of a card."""
    return paragraph(text, size=13, colour=MUTED, top=10)


def image(svg: str, alt: str) -> str:
    """An SVG as an image. Inside an image no script runs and nothing is fetched, whatever the SVG holds."""
    data = base64.b64encode(svg.encode()).decode()
    return (f'<img alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}" '
            f'style="max-width:100%;height:auto;margin:10px 0 0">')


def table(head: list[str], rows: list[list[object]], caption: str = "") -> str:
    """A small table of plain text; numbers stand on the right. All text is escaped."""
    cell = f"padding:4px 12px 4px 0;border:0;border-bottom:1px solid {LINE};font-size:13px;color:{INK};"

    def draw(tag: str, value: object) -> str:
        side = "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
        return f'<{tag} style="{cell}text-align:{side};background:{CARD}">{escape(str(value))}</{tag}>'

    lines = [f"<tr>{''.join(draw('th', name) for name in head)}</tr>"]
    lines += [f"<tr>{''.join(draw('td', value) for value in row)}</tr>" for row in rows]
    title = paragraph(caption, size=13, weight=600, top=10) if caption else ""
    return (f'{title}<table style="margin:6px 0 0;border-collapse:collapse;background:{CARD};'
            f'color:{INK}">{"".join(lines)}</table>')
