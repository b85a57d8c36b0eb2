"""Where words go in a crowded picture: each label has several possible spots, and the cheapest free ones win.

A spot is impossible where it leaves the page, lies on a mark or on another label. It costs more where lines cross it.
The search is greedy, then repaired; it draws no lots, so the same picture comes out each time.
"""

from __future__ import annotations

from typing import NamedTuple

from evlab.viz.svg import Box, Point, wrap
from evlab.viz.theme import INK, LINE_HEIGHT, SMALL, width_of

__all__ = ["FREE", "SQUARE", "Line", "Spot", "along", "around", "choose", "is_cut", "lines_of"]

SQUARE = 14
"""px that the small square before an event's name takes."""
CROSSED, NEAR, CUT = 5.0, 0.8, 3.0
"""What each foreign line costs that runs through a label, and close by it; what it costs that words are cut off."""

FREE = 1e9
"""The limit of a label that is worth any price: it tells of a failure."""

Segment = tuple[float, float, float, float]


class Line(NamedTuple):
    """One line of a label."""

    text: str
    colour: str = INK
    bold: bool = False
    square: bool = False

    @property
    def width(self) -> float:
        return width_of(self.text, SMALL, self.bold)


class Spot(NamedTuple):
    """One place where a label could stand."""

    box: Box
    lines: tuple[Line, ...]
    align: str
    cost: float
    leader: Point | None = None
    """Where a thin line leads, if the label stands away from its mark."""

    @property
    def stem(self) -> Box | None:
        """What the leader takes of the page."""
        if self.leader is None:
            return None
        x, y = self.leader
        near = self.box.y1 if self.box.y1 < y else self.box.y0
        return Box(x - 1, min(y, near) + 1, x + 1, max(y, near) - 1)

    def moved(self, down: float) -> Spot:
        """The same spot, so many px further down."""
        x0, y0, x1, y1 = self.box
        leader = None if self.leader is None else (self.leader[0], self.leader[1] + down)
        return self._replace(box=Box(x0, y0 + down, x1, y1 + down), leader=leader)

    def clashes(self, other: Spot) -> bool:
        """Whether the two labels would lie on one another, or on one another's leaders."""
        (x0, y0, x1, y1), (a0, b0, a1, b1) = self.box, other.box
        if x0 < a1 + 3 and a0 < x1 + 3:  # else even their leaders, which stand within their width, are apart
            if y0 < b1 + 3 and b0 < y1 + 3:
                return True
            return bool((self.leader and self.stem.meets(other.box)) or (other.leader and other.stem.meets(self.box)))
        return False


def lines_of(parts: list[tuple[str, str, bool, bool]], width: float, most: int = 2) -> tuple[Line, ...]:
    """The lines of a label, `width` px wide: each part is (text, colour, bold, square) and begins a new line."""
    lines = []
    room = width - (SQUARE if any(part[3] for part in parts) else 0)
    for text, colour, bold, square in parts:
        for index, line in enumerate(wrap(text, room, SMALL, bold, most) if text else []):
            lines.append(Line(line, colour, bold, square and index == 0))
    return tuple(lines)


def is_cut(lines: tuple[Line, ...]) -> bool:
    """Whether words of this label are cut off."""
    return any(line.text.endswith("…") for line in lines)


def _priced_shapes(shapes: list[tuple[Line, ...]]) -> list[tuple[float, tuple[Line, ...]]]:
    """Each shape of a label with its price: the first are the best, and whole ones are better than those cut short."""
    return [(rank * 0.8 + CUT * is_cut(lines), lines) for rank, lines in enumerate(shapes)]


def size_of(lines: tuple[Line, ...]) -> tuple[float, float]:
    indent = SQUARE if lines[0].square else 0
    return max(line.width for line in lines) + indent + 4, len(lines) * SMALL * LINE_HEIGHT + 1


def along(start: Point, end: Point, shapes: list[tuple[Line, ...]], stops: tuple[float, ...]) -> list[Spot]:
    """Spots along a line: on it, and beside it on either hand. `stops` are places along it, 0 to 1, best first."""
    (x0, y0), (x1, y1) = start, end
    lean = abs(x1 - x0) / max(abs(y1 - y0), 1)
    spots = []
    for price, lines in _priced_shapes(shapes):
        w, h = size_of(lines)
        for order, stop in enumerate(stops):
            x, y = x0 + (x1 - x0) * stop, y0 + (y1 - y0) * stop
            cost = price + order * 0.35
            spots.append(Spot(Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2), lines, "middle", cost + 0.4))
            off = h / 2 * lean + 6
            if off < 64:
                far = cost + off / 30
                spots.append(Spot(Box(x + off, y - h / 2, x + off + w, y + h / 2), lines, "start", far))
                spots.append(Spot(Box(x - off - w, y - h / 2, x - off, y + h / 2), lines, "end", far + 0.3))
            rise = w / 2 / max(lean, 0.01) + 3
            if rise < 36:
                far = cost + 0.3 + rise / 30
                for top in (y - rise - h, y + rise):
                    spots.append(Spot(Box(x - w / 2, top, x + w / 2, top + h), lines, "middle", far))
    return spots


def around(mark: Box, shapes: list[tuple[Line, ...]], *, above: float = 0.0, below: float = 0.4,
           levels: int = 4) -> list[Spot]:
    """Spots above and below a mark, and beside it, at growing distances; far ones get a leader."""
    middle = (mark.x0 + mark.x1) / 2
    spots = []
    for price, lines in _priced_shapes(shapes):
        w, h = size_of(lines)
        for level in range(levels):
            away = 3 + 15 * level
            for side, top, extra in (("up", mark.y0 - away - h, above), ("down", mark.y1 + away, below)):
                foot = (middle, mark.y0) if side == "up" else (middle, mark.y1)
                for align, left, bias in (("middle", middle - w / 2, 0.0), ("start", middle - 5, 0.2),
                                          ("end", middle + 5 - w, 0.5)):
                    box = Box(left, top, left + w, top + h)
                    cost = price + level * 1.2 + extra + bias
                    spots.append(Spot(box, lines, align, cost, foot if level else None))
        for align, left in (("start", mark.x1 + 4), ("end", mark.x0 - 4 - w)):
            for shift, extra in ((-h / 2, 0.0), (-h - 4, 0.5), (4, 0.5)):
                top = (mark.y0 + mark.y1) / 2 + shift
                spots.append(Spot(Box(left, top, left + w, top + h), lines, align, price + 1.0 + extra))
    return spots


def choose(labels: list[list[Spot]], solids: list[Box], lines: list[Segment], page: Box,
           own: list[Segment | None], dearest: list[float]) -> tuple[list[Spot | None], float]:
    """The spot of each label (None where there is no room for it), and what they cost together.

    `own[i]` is the line that label i belongs to: it may cross its label at a small price. A spot for label i that
    costs more than `dearest[i]` is not worth it. Earlier labels are served first; other orders are tried, too.
    """
    priced = [[spot for spot in _priced(spots, solids, lines, page, mine) if spot.cost <= limit]
              for spots, mine, limit in zip(labels, own, dearest, strict=True)]
    numbers = list(range(len(labels)))
    orders = [sorted(numbers, key=lambda i: len(priced[i]) > 12), sorted(numbers, key=lambda i: (own[i] is None, i)),
              sorted(numbers, key=lambda i: len(priced[i]))]
    most, tries = (40, 3) if len(labels) <= 24 else (16, 1)  # what a crowd can't fit, a longer search won't either
    priced = [spots[:most if limit < FREE else 60] for spots, limit in zip(priced, dearest, strict=True)]
    return min((_settle(priced, order) for order in orders[:tries]), key=lambda result: result[1])


def _settle(priced: list[list[Spot]], order: list[int]) -> tuple[list[Spot | None], float]:
    chosen: list[Spot | None] = [None] * len(priced)
    for index in order:
        chosen[index] = _best(priced[index], chosen, index)
    for _ in range(3):
        for index in order:
            if priced[index] and chosen[index] is not priced[index][0]:
                chosen[index] = _best(priced[index], chosen, index) or _make_room(index, priced, chosen)
    return chosen, sum(spot.cost if spot else 40 for spot in chosen)


def _priced(spots: list[Spot], solids: list[Box], lines: list[Segment], page: Box, mine: Segment | None) -> list[Spot]:
    """The possible spots, cheapest first, with the cost of the lines that cross them or come near."""
    if not spots:
        return []
    region = _hull([spot.box for spot in spots] + [spot.stem for spot in spots if spot.leader])
    solids = [solid for solid in solids if solid.meets(region)]
    lines = [line for line in lines if line is not mine and _crosses(line, region)]
    found = []
    for spot in spots:
        box, stem = spot.box, spot.stem
        if not box.inside(page) or any(box.meets(solid) or (stem and stem.meets(solid)) for solid in solids):
            continue
        wider = Box(box.x0 - 7, box.y0 - 4, box.x1 + 7, box.y1 + 4)
        near = [line for line in lines if _crosses(line, wider)]
        crossed = sum(_crosses(line, box) for line in near)
        price = CROSSED * crossed + NEAR * (len(near) - crossed)
        if mine and _crosses(mine, box):
            price += _struck(mine, box)
        found.append(spot._replace(cost=spot.cost + price))
    return sorted(found, key=lambda spot: spot.cost)


def _hull(boxes: list[Box]) -> Box:
    """The smallest box around all of these, and a little more."""
    return Box(min(b.x0 for b in boxes) - 8, min(b.y0 for b in boxes) - 8,
               max(b.x1 for b in boxes) + 8, max(b.y1 for b in boxes) + 8)


def _best(spots: list[Spot], chosen: list[Spot | None], index: int) -> Spot | None:
    """The cheapest spot that is free."""
    others = [spot for other, spot in enumerate(chosen) if spot and other != index]
    return next((spot for spot in spots if not any(spot.clashes(other) for other in others)), None)


def _make_room(index: int, priced: list[list[Spot]], chosen: list[Spot | None]) -> Spot | None:
    """Let one neighbour move elsewhere, if that frees a spot."""
    for spot in priced[index]:
        rivals = [i for i, other in enumerate(chosen) if other and i != index and spot.clashes(other)]
        if len(rivals) != 1:
            continue
        before, chosen[index] = chosen[rivals[0]], spot
        moved = _best(priced[rivals[0]], chosen, rivals[0])
        if moved:
            chosen[rivals[0]] = moved
            return spot
        chosen[rivals[0]], chosen[index] = before, None
    return None


def _struck(line: Segment, box: Box) -> float:
    """What it costs a label that its own line runs through it: a steep line hides little, a flat one strikes it out."""
    lean = abs(line[2] - line[0]) / max(abs(line[3] - line[1]), 1)
    return 1.2 + 4 * min(1, lean * (box.y1 - box.y0) / (box.x1 - box.x0))


def _crosses(line: Segment, box: Box) -> bool:
    """Whether a line meets a box (Liang and Barsky's clipping)."""
    x0, y0, x1, y1 = line
    if max(x0, x1) < box.x0 or min(x0, x1) > box.x1 or max(y0, y1) < box.y0 or min(y0, y1) > box.y1:
        return False
    enter, leave = 0.0, 1.0
    for start, delta, low, high in ((x0, x1 - x0, box.x0, box.x1), (y0, y1 - y0, box.y0, box.y1)):
        if delta == 0:
            if not low <= start <= high:
                return False
            continue
        first, second = (low - start) / delta, (high - start) / delta
        enter, leave = max(enter, min(first, second)), min(leave, max(first, second))
    return enter <= leave
