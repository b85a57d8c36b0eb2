"""Nothing is used before it is taught: the words of docs/glossary.md, held against every notebook.

1. A notebook uses a word of the glossary only if it, or one before it, introduces the word; or if it points ahead in
   the same sentence, table row or list item: "(notebook 12)", "→ 12", or a link to 12_....ipynb. For a code cell a
   comment `# → 12` in it will do, or a pointer in the text right before or after it; once pointed ahead, the word is
   free in the code below. A fenced block goes with the paragraph before it.
2. The notebook that introduces a word has it in bold where it first appears in the text, or another of its forms
   before (headings, code and the title cell do not count). An everyday word, slanted in the glossary, must be bold
   somewhere.
3. A module of evlab is imported, or named in code, only from its notebook on: see MODULES and NAMES.

Prose, comments and strings with a space are read as text; identifiers as the words they are made of; a string of one
plain word, such as "ack", is data and not looked at.
"""

from __future__ import annotations

import pathlib
import pkgutil
import re
from collections.abc import Iterator
from typing import NamedTuple

import nbformat
import pytest

import evlab

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
LAST = 24
MOST_WORDS = 20

# The first notebook that may use a module; the longest matching name counts.
MODULES = {
    "evlab": 0, "evlab.errors": 0, "evlab.course": 0, "evlab.sim": 0, "evlab.viz": 0, "evlab.widgets": 0,
    "evlab.event": 1, "evlab.wire": 1, "evlab.later": 3, "evlab.files": 3,
    "evlab.bus": 2, "evlab.patterns": 2, "evlab.env": 3, "evlab.sim.checkers": 3, "evlab.sim.search": 3,
    "evlab.sim.story": 3,
    "evlab.database": 4, "evlab.recorded": 4, "evlab.reading": 4, "evlab.store": 4, "evlab.decider": 4,
    "evlab.testing": 4, "evlab.expected": 5, "evlab.snapshots": 5,
    "evlab.resolution": 6, "evlab.schema": 6, "evlab.readmodel": 8, "evlab.projection": 8,
    "evlab.log": 10, "evlab.log.records": 11, "evlab.log.segment": 11, "evlab.log.retention": 11,
    "evlab.log.group": 12, "evlab.log.target": 12, "evlab.log.lag": 13, "evlab.log.timelag": 13, "evlab.log.health": 13,
    "evlab.log.replica": 14, "evlab.log.controller": 14, "evlab.log.fetcher": 14, "evlab.router": 15, "evlab.inbox": 17,
    "evlab.outbox": 18, "evlab.cdc": 18, "evlab.trace": 19, "evlab.steps": 20, "evlab.saga": 20,
    "evlab.sagastate": 20, "evlab.engines": 23,
}
# The same for public names, wherever they are imported from.
NAMES = {
    "World": 0, "Fault": 0, "Plan": 0, "Event": 1, "InvalidEvent": 1, "Bus": 2, "Retry": 3, "DeadLetter": 3,
    "Faults": 3, "search": 3, "shrink": 3, "EventStore": 4, "Decider": 4, "CommandHandler": 4, "SchemaRegistry": 6,
    "Upcasters": 6, "Projection": 8, "Projector": 8, "Reactor": 8, "Log": 10, "Producer": 10, "Consumer": 10,
    "Router": 15, "Inbox": 17, "Outbox": 18, "Relay": 18, "Saga": 20, "Step": 20, "Orchestrator": 20,
    "KafkaLog": 23, "RabbitRouter": 23, "PostgresEventStore": 23,
}

# ---------------------------------------------------------------------------------------------- the glossary


class Form(NamedTuple):
    """One way to write a term: `kind` is "word" (looked for), "everyday" (not), or "exact" (a name in code)."""

    text: str
    kind: str


class Term(NamedTuple):
    """A row of the glossary. `forms[0]` is the term itself; `number` the notebook that introduces it."""

    forms: tuple[Form, ...]
    number: int
    meaning: str

    @property
    def name(self) -> str:
        return self.forms[0].text


def read_glossary(text: str) -> list[Term]:
    """The rows of the glossary's table. Raises `ValueError` for a row of another shape."""
    terms = []
    for line in text.splitlines():
        if not line.startswith("|") or line.startswith(("| term ", "|---")):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 4 or not re.fullmatch(r"\d\d", cells[2]):
            raise ValueError(f"not a row of the glossary: {line}")
        term, also, number, meaning = cells
        terms.append(Term(tuple(form(one) for one in [term, *also.split(",")] if one.strip()), int(number), meaning))
    return terms


def form(text: str) -> Form:
    text = text.strip()
    for mark, kind in (("*", "everyday"), ("`", "exact")):
        if text.startswith(mark) and text.endswith(mark):
            return Form(text.strip(mark), kind)
    return Form(text, "word")


GLOSSARY = read_glossary((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))

# ---------------------------------------------------------------------------------------------- finding words


def words(text: str) -> str:
    """The text with names taken apart: `dead_letters`, `DeadLetters` and dead-letters become "dead letters"."""
    text = text.replace("_", " ").replace("*", "")
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", " ", text)
    return re.sub(r"\s+", " ", re.sub(r"(?<=\w)[-‑/](?=\w)", " ", text))


class Finder:
    """Finds terms in text. The longest form wins, so "network partition" is no "partition"."""

    def __init__(self, terms: list[Term]):
        forms = [(words(one.text), one.kind, term) for term in terms for one in term.forms if one.kind != "exact"]
        self._everyday = {text for text, kind, _ in forms if kind == "everyday"}
        self._starting: dict[str, list] = {}  # by first word: the forms that may begin there, the longest first
        for text, _, term in sorted(forms, key=lambda row: -len(row[0])):
            for first in {re.match(r"\w+", spelled).group().lower() for spelled in spellings(text)}:
                self._starting.setdefault(first, []).append((pattern(text), text, term))
        self._exact = [(re.compile(rf"(?<!\w){re.escape(one.text)}(?!\w)"), one.text, term)
                       for term in terms for one in term.forms if one.kind == "exact"]

    def all_in(self, text: str) -> Iterator[tuple[Term, str, re.Match]]:
        """(term, form, match) for each term in a text that `words` made, everyday words too."""
        end = 0
        for word in re.finditer(r"\w+", text):
            if word.start() < end:
                continue
            for spelled, form_found, term in self._starting.get(word.group().lower(), ()):
                match = spelled.match(text, word.start())
                if match:
                    end = match.end()
                    yield term, form_found, match
                    break

    def terms_in(self, prose: str, code: str) -> Iterator[tuple[Term, str]]:
        """(term, what was written) for each form that is looked for."""
        for text in (words(prose), words(code)):
            for term, found, match in self.all_in(text):
                if found not in self._everyday:
                    yield term, match.group()
        for name, found, term in self._exact:
            if name.search(code):
                yield term, found


def spellings(text: str) -> list[str]:
    """A form in singular and plural."""
    if text.endswith("s"):
        return [text, text + "es"]
    if re.search("[^aeiou]y$", text):
        return [text, text[:-1] + "ies"]
    return [text, text + "s", text + "es"]


def pattern(text: str) -> re.Pattern:
    """What a form is matched with. Capitals (ISR, TTL) are meant as written, everything else in any case."""
    body = "|".join(re.escape(spelled) for spelled in spellings(text))
    return re.compile(rf"(?:{body})(?!\w)", 0 if text.isupper() else re.IGNORECASE)


# ---------------------------------------------------------------------------------------------- reading a notebook


class Unit(NamedTuple):
    """What a pointer ahead covers: a sentence, a table row, a list item, a heading, a fenced block, a code line."""

    cell: int
    kind: str
    prose: str
    code: str
    ahead: frozenset[int]


NUMBERS = r"\d{1,2}(?:\s*(?:,|and|or|to|-|–)\s*\d{1,2})*(?!\d)"
FENCE = re.compile(r"\s*(```|~~~)")
ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+")
STRING_OR_COMMENT = re.compile(
    r'''("""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(#[^\n]*)''')
SENTENCE_END = re.compile(r"(?<=[.?!])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)[\"”')\]*]*\s+(?=[\"“'(\[*`]*[A-Z0-9])")


def points_ahead(text: str) -> frozenset[int]:
    """The notebooks that a text points to: (notebook 12), notebooks 10-12, → 12, Next: **12, [..](12_groups.ipynb)."""
    runs = re.findall(rf"(?i:\bnotebooks?\s+|→\s*|\bNext:\s*\**)({NUMBERS})", text)
    runs += re.findall(r"\]\((?:[^)]*/)?(\d\d)_[^)/]*\.ipynb", text)
    numbers: set[int] = set()
    for run in runs:
        for first, last in re.findall(r"(\d{1,2})(?:\s*(?:-|–|to)\s*(\d{1,2}))?", run):
            numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def units(cells: list) -> Iterator[Unit]:
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "markdown":
            yield from markdown_units(number, cell.source)
        elif cell.cell_type == "code":
            yield from code_units(number, cell.source, ahead_around(cells, number))


def ahead_around(cells: list, number: int) -> frozenset[int]:
    """What the text right before and right after a code cell points to."""
    around = cells[max(0, number - 2):number - 1] + cells[number:number + 1]
    return frozenset().union(*(points_ahead(cell.source) for cell in around if cell.cell_type == "markdown"))


def markdown_units(cell: int, source: str) -> Iterator[Unit]:
    before: frozenset[int] = frozenset()
    for kind, text in blocks(re.sub(r"<!--[\s\S]*?-->", "", source)):
        if kind == "fence":
            yield Unit(cell, kind, "", text, points_ahead(text) | before)
            continue
        before = points_ahead(text)
        whole = kind != "paragraph" or text.startswith("Next:")
        for part in [text] if whole else SENTENCE_END.split(text):
            part = re.sub(r"\*\*`([^`]+)`\*\*", r"**\1**", part)
            code = " ¦ ".join(re.findall(r"`+([^`]+)`+", part))
            prose = re.sub(r"`+[^`]+`+", "¦", part)
            prose = re.sub(r"\]\([^)]*\)", "]", prose)
            prose = re.sub(r"</?[a-zA-Z][^>]*>|https?://\S+", " ", prose)
            yield Unit(cell, kind, prose, code, points_ahead(part))


def blocks(source: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each block of Markdown: heading, row, item, paragraph, fence."""
    kind, lines = "", []
    for line in [*source.split("\n"), ""]:
        if kind == "fence":
            if FENCE.match(line):
                yield kind, "\n".join(lines)
                kind, lines = "", []
            else:
                lines.append(line)
            continue
        text = line.strip().lstrip("> ").strip()
        fence, heading, row, item = FENCE.match(line), text.startswith("#"), text.startswith("|"), ITEM.match(line)
        if lines and (not text or fence or heading or row or item):
            yield kind, " ".join(lines)
            kind, lines = "", []
        if fence:
            kind, lines = "fence", []
        elif heading or row:
            yield "heading" if heading else "row", text.lstrip("#")
        elif text:
            kind = kind or ("item" if item else "paragraph")
            lines.append(text)
    if kind == "fence":
        yield kind, "\n".join(lines)


def code_units(cell: int, source: str, around: frozenset[int]) -> Iterator[Unit]:
    prose, code = [], []
    at = 0
    for match in STRING_OR_COMMENT.finditer(source):
        between, text = source[at:match.start()], match.group()
        is_prose = bool(match.group(2)) or " " in text.strip("\"' ")
        is_data = re.fullmatch(r"""["']+[a-z]*["']+""", text)
        prose += [blank(between), text if is_prose else blank(text)]
        code += [between, blank(text) if is_prose or is_data else text]
        at = match.end()
    prose.append(blank(source[at:]))
    code.append(source[at:])
    ahead = points_ahead("".join(prose)) | around
    for prose_line, code_line in zip("".join(prose).split("\n"), "".join(code).split("\n"), strict=True):
        yield Unit(cell, "code", prose_line, code_line, ahead)


def blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


# ---------------------------------------------------------------------------------------------- the three rules


def problems(path: pathlib.Path, terms: list[Term] = GLOSSARY) -> list[str]:
    """What is wrong with one notebook, in words; empty if nothing is."""
    number, cells = int(path.name[:2]), nbformat.read(path, as_version=4).cells
    finder = Finder(terms)
    return [f"{path.name}, {problem}" for problem in
            [*used_too_early(number, cells, finder), *not_in_bold(number, cells, terms, finder),
             *imported_too_early(number, cells)]]


def used_too_early(number: int, cells: list, finder: Finder) -> Iterator[str]:
    told, announced = set(), set()
    for unit in units(cells):
        for term, written in finder.terms_in(unit.prose, unit.code):
            if term.number in unit.ahead:
                announced.add(term.name)
            free = unit.kind in ("code", "fence") and term.name in announced
            if term.number <= number or term.number in unit.ahead or free or (unit.cell, term.name) in told:
                continue
            told.add((unit.cell, term.name))
            here = " ".join((unit.prose if written in words(unit.prose) else unit.code).split())
            comment = "in a comment of the cell: # → " if unit.kind == "code" else "in the same sentence: (notebook "
            close = "" if unit.kind == "code" else ")"
            yield (f"cell {unit.cell}: \"{written}\" is taught in notebook {term.number:02}. Say it in other words, or "
                   f"point ahead {comment}{term.number:02}{close}. It says: {here[:160]}")


def not_in_bold(number: int, cells: list, terms: list[Term], finder: Finder) -> Iterator[str]:
    new = [term for term in terms if term.number == number]
    bold_first, plain_first = {}, {}  # the cell where a term is seen first: bold in any form; plain as itself
    for unit in units(cells):
        if unit.cell == 1 or unit.kind in ("heading", "fence", "code"):
            continue
        text = words(re.sub(r"\*\*(.+?)\*\*", "\ue000\\1\ue001", unit.prose))
        spans = [match.span() for match in re.finditer("\ue000[^\ue001]*\ue001", text)]
        for term, found, match in finder.all_in(text):
            if any(start < match.start() and match.end() < end for start, end in spans):
                bold_first.setdefault(term.name, unit.cell)
            elif found == words(term.name) and term.name not in bold_first:
                plain_first.setdefault(term.name, unit.cell)
    for term in new:
        if term.name not in bold_first:
            yield (f"the glossary says that \"{term.name}\" is introduced here, but it is nowhere in bold. Write "
                   f"**{term.name}** where you explain it, or change its row in docs/glossary.md")
        elif term.name in plain_first and term.forms[0].kind == "word":
            yield (f"cell {plain_first[term.name]}: \"{term.name}\" is introduced in this notebook, and its first use "
                   f"is not in bold. Write **{term.name}** there")


def imported_too_early(number: int, cells: list) -> Iterator[str]:
    announced = set()  # or told already
    for cell, code, ahead in code_of(cells):
        for name, needed in [*modules_named(code), *names_imported(code)]:
            if needed in ahead:
                announced.add(name)
            if needed > number and name not in announced:
                announced.add(name)
                yield (f"cell {cell}: {name} belongs to notebook {needed:02}. Do without it, or point ahead in a "
                       f"comment of the cell: # → {needed:02}")


def code_of(cells: list) -> Iterator[tuple[int, str, frozenset[int]]]:
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code":
            yield number, cell.source, points_ahead(cell.source) | ahead_around(cells, number)
        elif cell.cell_type == "markdown":
            for unit in markdown_units(number, cell.source):
                yield number, unit.code, unit.ahead


def modules_named(code: str) -> Iterator[tuple[str, int]]:
    for name in re.findall(r"(?<![\w.])evlab(?:\.\w+)*", code):
        parts = name.split(".")
        known = next(".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in MODULES)
        yield known, MODULES[known]


def names_imported(code: str) -> Iterator[tuple[str, int]]:
    for module, group, line in re.findall(r"from\s+(evlab(?:\.\w+)*)\s+import\s+(?:\(([^)]*)\)|([^\n(]+))", code):
        for one in re.sub(r"#[^\n]*", "", group or line).split(","):
            name = one.split(" as ")[0].strip()
            if f"{module}.{name}" in MODULES:
                yield f"{module}.{name}", MODULES[f"{module}.{name}"]
            elif name in NAMES:
                yield name, NAMES[name]
            elif module == "evlab" and name in evlab.__all__:
                yield name, next(modules_named(evlab._MODULE_OF[name]))[1]


# ---------------------------------------------------------------------------------------------- the course as it is


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_nothing_is_used_before_it_is_taught(path):
    found = problems(path)
    assert not found, "\n".join(["", *found])


def test_each_row_of_the_glossary_is_sound():
    for term in GLOSSARY:
        assert 0 <= term.number <= LAST, f"{term.name}: no notebook {term.number}"
        assert 1 <= len(term.meaning.split()) <= MOST_WORDS, f"{term.name}: {len(term.meaning.split())} words"
        assert term.meaning.endswith("."), f"{term.name}: the meaning is a sentence"
        assert term.forms[0].kind != "exact", f"{term.name}: a term is a word; a name in code goes under \"also\""


def test_a_form_belongs_to_one_term_and_the_rows_are_in_order():
    finder = Finder(GLOSSARY)
    for term in GLOSSARY:
        for one in (one for one in term.forms if one.kind != "exact"):
            owners = [found.name for found, _, _ in finder.all_in(words(one.text))]
            assert owners == [term.name], f"{one.text!r} of {term.name!r} is read as {owners}"
    names = [term.name.casefold() for term in GLOSSARY]
    assert names == sorted(names)


def test_no_meaning_uses_a_word_that_is_taught_later():
    finder = Finder(GLOSSARY)
    late = [(term.name, other.name) for term in GLOSSARY for other, _ in finder.terms_in(term.meaning, "")
            if other.number > term.number]
    assert late == []


def test_each_notebook_of_the_plan_introduces_something():
    assert {term.number for term in GLOSSARY} == set(range(LAST + 1))


def test_every_module_of_evlab_has_its_notebook():
    modules = {module.name for module in pkgutil.iter_modules(evlab.__path__)}
    missing = {name for name in modules if not name.startswith("_") and f"evlab.{name}" not in MODULES}
    assert not missing, "MODULES in this file says for each module which notebook may use it first: add a row"


# ---------------------------------------------------------------------------------------------- planted violations

SMALL = read_glossary("""
| term | also | introduced in | meaning |
|---|---|---|---|
| *event* | `Event` | 01 | A fact. |
| handler | | 02 | Code. |
| ack | acked, `confirmed` | 03 | Done. |
| dead letter | dead-letter queue, DLQ | 03 | Set aside. |
| network partition | | 03 | Cut off. |
| partition | partitioned | 10 | A part. |
| retry | | 03 | Again. |
| consumer | | 01 | Reads. |
| consumer group | | 12 | Shares. |
| ISR | | 14 | Copies. |
| saga | | 19 | A process. |
""")


@pytest.fixture
def book(tmp_path):
    """Make a notebook of Markdown cells and code cells ("py:..."), and say what is wrong with it."""
    def write(number: int, *sources: str, terms: list[Term] = SMALL, only: str = "") -> list[str]:
        make = nbformat.v4
        cells = [make.new_code_cell(s[3:]) if s.startswith("py:") else make.new_markdown_cell(s) for s in sources]
        path = tmp_path / f"{number:02}_planted.ipynb"
        nbformat.write(make.new_notebook(cells=cells), path)
        return [problem for problem in problems(path, terms) if only in problem]
    return write


TITLE = "# A title"


@pytest.mark.parametrize("source", [
    "Kafka calls it a consumer group.",
    "Consumer groups share the work.",
    "The consumer-group protocol.",
    "It is a **consumer group**.",
    "## The consumer group stops",
    "| topic | consumer group |\n|---|---|",
    "- one consumer\n  group a service",
    "The word is `consumer_group`.",
    "```python\nConsumerGroup('a')\n```",
    "A consumer group. It is explained later (notebook 12).",
    "A consumer group (notebook 11).",
    "> quoted: a consumer\n> group",
    "py:consumer_groups = {}",
    "py:class ConsumerGroup: ...",
    "py:a = 1  # one consumer group",
    "py:plot(title='The consumer group stops')",
    'py:"""A text about\na consumer group."""',
    "py:a = 'consumer_group'",
    "py:log.consumer_group.start()",
])
def test_a_word_that_is_not_taught_yet_is_found_wherever_it_stands(book, source):
    found = book(4, TITLE, source)
    assert len(found) == 1 and "taught in notebook 12" in found[0] and "cell 2" in found[0]


@pytest.mark.parametrize("source", [
    "Kafka calls it a consumer group (notebook 12).",
    "A consumer group (see notebook 12) and a saga (notebook 19) come later.",
    "A consumer group and a saga come later (notebooks 12 and 19).",
    "All of it: partition, consumer group, ISR (notebooks 10-14).",
    "→ 12: the consumer group",
    "- A consumer group. All of it waits for you. → 12",
    "See notebook 12: consumer group.",
    "Next: **12, Who owns a partition (notebook 10)**. A consumer group divides them.",
    "Next: [the consumer group](12_consumer_groups.ipynb).",
    "| consumer group | → 12 |",
    "In Kafka (notebook 12):\n\n```python\nConsumerGroup('a')\n```",
    "py:consumer_group = 1  # → 12",
    "py:# The names come later (notebook 12).\nconsumer_group = 1\nprint(consumer_group)",
])
def test_pointing_ahead_in_the_same_sentence_is_allowed(book, source):
    assert book(4, TITLE, source) == []


@pytest.mark.parametrize("source", [
    "A group of consumers reads events.",          # the bare words mean nothing
    "A network partition heals, then a retry succeeds.",
    "The dead-letter queue holds 3 dead letters.",
    "He sat in the lounge, sagacious.",            # only whole words
    "An isr in small letters is something else.",
    "The event happened; in any event, go on.",    # an everyday word is never looked for
    "It was confirmed.",                           # an exact form counts in code only
    "py:plot(title='Event by event, confirmed')",  # a string with a space is prose
    "<a title='saga'>a link</a>, ![a picture](saga.svg)",
])
def test_everyday_words_parts_of_words_and_longer_terms_are_left_alone(book, source):
    early = [term._replace(number=5) if term.name in ("event", "ack") else term for term in SMALL]
    assert book(4, TITLE, source, terms=early) == []


def test_a_plural_an_acronym_and_an_exact_name_are_found(book):
    assert "taught in notebook 03" in book(2, TITLE, "It goes to the DLQs.", only="DLQ")[0]
    assert "taught in notebook 03" in book(2, TITLE, "Two retries later.", only="retries")[0]
    assert "taught in notebook 01" in book(0, TITLE, "py:Event('OrderPlaced')", only="Event")[0]
    assert "taught in notebook 03" in book(2, TITLE, "Look at `confirmed`.", only="confirmed")[0]
    assert book(0, TITLE, "Event by event.") == []


def test_a_word_is_free_from_its_notebook_on(book):
    assert book(12, TITLE, "A **consumer group** shares the work.") == []
    assert book(13, TITLE, "A consumer group shares the work.") == []


def test_a_code_cell_may_lean_on_the_text_beside_it(book):
    pointer = "You need not understand each line yet; notebook 12 takes it apart."
    assert book(4, TITLE, pointer, "py:consumer_group = 1") == []
    assert book(4, TITLE, "py:consumer_group = 1", pointer) == []
    assert len(book(4, TITLE, pointer, "In between.", "py:consumer_group = 1")) == 1


def test_once_pointed_ahead_a_word_is_free_in_the_code_below_but_not_in_prose(book):
    pointer = "A consumer group (notebook 12) shares the work."
    assert book(4, TITLE, pointer, "In between.", "py:consumer_group = 1  # consumer groups") == []
    assert len(book(4, TITLE, "py:consumer_group = 1", "In between.", pointer)) == 1
    assert len(book(4, TITLE, pointer, "The consumer group stops.")) == 1
    assert len(book(4, TITLE, pointer, "In between.", "py:saga = 1")) == 1


def test_a_string_of_one_word_is_data(book):
    assert book(1, TITLE, "py:quiet = [e for e in history if e.what != 'ack']", only="taught") == []
    assert len(book(1, TITLE, "py:say('no ack came')", only="taught")) == 1
    assert len(book(1, TITLE, "py:ack = 'yes'", only="taught")) == 1


def test_one_finding_a_cell_and_word(book):
    assert len(book(4, TITLE, "A saga. A saga. A saga.", "One more saga.")) == 2


def test_a_new_word_is_bold_where_it_first_appears(book):
    terms = [term for term in SMALL if term.number == 12]
    assert book(12, TITLE, "Three of them are a **consumer group**. A consumer group shares.", terms=terms) == []
    assert book(12, TITLE, "You know **Consumer groups**.", terms=terms) == []
    late = book(12, TITLE, "A consumer group shares.", "It is called a **consumer group**.", terms=terms)
    assert len(late) == 1 and "cell 2" in late[0] and "first use is not in bold" in late[0]
    never = book(12, TITLE, "Nothing here.", terms=terms)
    assert len(never) == 1 and "nowhere in bold" in never[0]


def test_title_headings_and_code_do_not_count_as_first_use(book):
    terms = [term for term in SMALL if term.number == 12]
    assert book(12, "# Consumer groups\nYou will run a consumer group.", "## The consumer group stops",
                "py:consumer_group = 1", "In `consumer_group` you see a **consumer group**.", terms=terms) == []


def test_a_longer_term_is_not_the_first_use_of_a_shorter_one(book):
    terms = [term for term in SMALL if term.name in ("consumer", "consumer group")]
    assert book(1, TITLE, "Not a consumer group (notebook 12), but a **consumer**.", terms=terms) == []


def test_an_everyday_word_must_be_bold_somewhere(book):
    terms = [term for term in SMALL if term.name == "event"]
    assert book(1, TITLE, "In any event, a fact is called an **event**.", terms=terms) == []
    assert len(book(1, TITLE, "In any event, a fact is called an event.", terms=terms)) == 1


def test_another_form_may_stand_for_the_term(book):
    terms = [term for term in SMALL if term.name == "dead letter"]
    assert book(3, TITLE, "It has a **dead-letter queue**. A dead letter waits.", terms=terms) == []
    assert len(book(3, TITLE, "A dead letter waits in the **dead-letter queue**.", terms=terms)) == 1


def test_bold_code_counts_as_bold(book):
    terms = [term for term in SMALL if term.name == "retry"]
    assert book(3, TITLE, "Write **`Retry`** and retry.", terms=terms) == []


@pytest.mark.parametrize(("source", "name"), [
    ("py:from evlab.store import EventStore", "evlab.store"),
    ("py:from evlab import Bus, EventStore", "EventStore"),
    ("py:from evlab import (Bus,\n    EventStore as Store)", "EventStore"),
    ("py:from evlab import store", "evlab.store"),
    ("py:import evlab.store as s", "evlab.store"), ("py:from evlab import Database", "Database"),
    ("py:show(evlab.store.EventStore.append)", "evlab.store"),
    ("Read `evlab.store` tonight.", "evlab.store"),
    ("```python\nimport evlab.store\n```", "evlab.store"),
])
def test_a_module_is_not_imported_before_its_notebook(book, source, name):
    found = book(3, TITLE, source, terms=[])
    assert found and all("belongs to notebook 04" in problem for problem in found) and name in "".join(found)
    assert book(4, TITLE, source, terms=[]) == []


def test_an_import_may_point_ahead_and_the_longest_module_name_counts(book):
    later = ("py:from evlab import Bus", "Notebook 02 takes it apart.", "Nothing here.", "py:from evlab import Bus")
    assert book(0, TITLE, *later, terms=[]) == []
    assert len(book(0, TITLE, *later[2:], terms=[])) == 1
    assert book(0, TITLE, "py:from evlab import Bus, World  # → 02", terms=[]) == []
    assert book(10, TITLE, "py:from evlab.log import Log", terms=[]) == []
    assert "notebook 13" in book(10, TITLE, "py:from evlab.log.lag import evaluate", terms=[])[0]


def test_a_row_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="not a row"):
        read_glossary("| lag | behind | 8 | How far behind. |")
