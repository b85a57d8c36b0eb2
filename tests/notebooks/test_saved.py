"""What stands in the repository as a notebook is safe to open and follows the course's rules (BOOK-2).

Each rule of evlab.course.rules is held against every notebook and lab; and for each rule there are faults, planted
into a small good notebook, that it must find.
"""

from __future__ import annotations

import base64
import copy
import html
import json

import nbformat
import pytest
from hostile import PAYLOADS

from evlab.course.book import Book
from evlab.course.data import course_folder
from evlab.course.rules import KERNELSPEC, LANGUAGE, LIMIT, RULES, check
from evlab.course.workspace import course_masters, course_notebooks
from evlab.sim.history import History
from evlab.viz import timeline
from evlab.widgets.card import card, paragraph, table

GIVEN = course_notebooks(course_folder())
SAVED = GIVEN | course_masters(course_folder())
SAFETY = ("scripts", "remote", "inline-svg", "types", "widgets")


def saved(name):
    data = SAVED[name].read_bytes()
    return Book(json.loads(data), name, size=len(data), known=GIVEN)


def test_the_course_has_notebooks():
    assert any(name.startswith("notebooks/00_") for name in SAVED)


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_notebook_follows_every_rule(name):
    """BOOK-2 on what is in the repository."""
    faults = check(saved(name))
    assert not faults, "\n".join([f"{name}:", *map(str, faults)])


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_notebook_is_valid_and_ends_with_a_newline(name):
    text = SAVED[name].read_text("utf-8")
    nbformat.validate(json.loads(text))
    assert text.endswith("}\n") and "\r" not in text


def test_no_two_questions_of_the_course_share_an_id():
    asked = [(verb, id) for name in GIVEN for verb in ("predict", "quiz") for id in saved(name).questions(verb)]
    twice = sorted({question for question in asked if asked.count(question) > 1})
    assert not twice


# -------------------------------------------------------------------------------------- a good notebook, and faults

PICTURE = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"><text>late</text></svg>').decode()
IMG = f'<img alt="The event arrives after the question" src="data:image/svg+xml;base64,{PICTURE}">'
TWIN = "shop publishes; email hears of it 2 s later"


def prose(text):
    return {"id": "", "cell_type": "markdown", "metadata": {}, "source": text}


def cell(source, *outputs, tags=()):
    return {"id": "", "cell_type": "code", "metadata": {"tags": list(tags)} if tags else {}, "source": source,
            "outputs": list(outputs), "execution_count": 0}


def shown(**data):
    return {"output_type": "display_data", "metadata": {}, "data": {k.replace("__", "/"): v for k, v in data.items()}}


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def failed(ename="StaleRead", traceback=("StaleRead: the answer is old",)):
    return {"output_type": "error", "ename": ename, "evalue": "the answer is old", "traceback": list(traceback)}


def good():
    cells = [
        prose("# The e-mail arrives before the order\n\nWhy? 20 min. "
              "[Next](../notebooks/02_bus.ipynb), [lab](../labs/lab01_bus.ipynb)"),
        cell("from evlab.course import predict"),
        cell('a = predict("01.a", "How many?", ["1", "2"])\na', shown(text__plain="Predict: How many?")),
        cell('b = predict("01.b", "How late?", unit="s")\nb'), cell('c = predict("01.c", "Which?", ["x", "y"])\nc'),
        prose('## The shop said yes and the shelf said no\n\nPeople say "exactly-once delivery" and `x = "just"!`.'),
        cell("draw(history, compare(a, 1), compare(b, 2.5), compare(c, actual='x'))",
             shown(text__html=IMG, text__plain=TWIN)),
        cell("read()", failed(), tags=["raises-exception"]),
        cell("print(sorted({1, 2}))", printed("[1, 2] {'a': 1} at https://shop.example/orders 0x1f3a\n")),
        cell("frame", shown(text__html="<div><style scoped>td {x: 1}</style><table></table></div>",
                            text__plain="   lag\n0    3")),
    ]
    number = 0
    for index, each in enumerate(cells):
        each["id"] = f"cell-{index}"
        if each["cell_type"] == "code":
            number += 1
            each["execution_count"] = number
    return {"cells": cells, "metadata": {"kernelspec": dict(KERNELSPEC), "language_info": dict(LANGUAGE)},
            "nbformat": 4, "nbformat_minor": 5}


KNOWN = ["notebooks/01_good.ipynb", "notebooks/02_bus.ipynb", "labs/lab01_bus.ipynb"]


def faults_of(notebook, name="notebooks/01_good.ipynb", only=None):
    return check(Book(notebook, name, known=KNOWN), only)


def put(index, *outputs):
    return lambda book: book["cells"][index].__setitem__("outputs", list(outputs))


def say(index, text):
    return lambda book: book["cells"][index].__setitem__("source", text)


def text(value):
    return put(2, shown(text__plain=value))


def page(value):
    return put(2, shown(text__html=value, text__plain=TWIN))


PLANTED = {
    "counts": [lambda b: b["cells"][3].__setitem__("execution_count", None),
               lambda b: b["cells"][3].__setitem__("execution_count", 7), say(3, "  "),
               put(2, {"output_type": "execute_result", "execution_count": 9, "metadata": {}, "data": {}})],
    "compared": [say(2, "# NBVAL_IGNORE_OUTPUT\nx"), say(2, "x\n#nbval_skip"),
                 lambda b: b["cells"][2]["metadata"].__setitem__("tags", ["nbval-ignore-output"])],
    "redraws": [say(2, "from IPython.display import clear_output"), say(2, "display(x, display_id=True)"),
                say(2, "from ipywidgets import Output"), say(2, "import tqdm"), say(2, "x.clear_output()")],
    "plain-python": [say(2, "%time x()"), say(2, "!ls"), say(2, "%%capture\nx"), say(2, "if x:\n    !ls"),
                     say(2, "world.run();\n")],
    "sets": [text("{'b', 'a'}"), put(2, printed("found {2, 1} of them\n")), text("frozenset({'b', 'a'})")],
    "errors": [lambda b: b["cells"][7].__setitem__("metadata", {}), put(7)],
    "stderr": [put(2, printed("FutureWarning: old", "stderr"))],
    "memory-address": [text("<Bus object at 0x7f2a10>"), text("0x00007f2a10c0ffee"),
                       page("<p>&lt;function f at 0x7f2a10&gt;</p>")],
    "machine-path": [text("/home/ada/course/x.py"), put(2, printed("see C:\\Users\\ada\n")), text("/tmp/x9f3/log"),
                     text("\x1b[32m/ho\x1b[0mme/ada/x"), say(2, 'open("/Users/ada/x")'), text("file:///x"),
                     put(7, failed(traceback=["File /usr/lib/python3/json.py:3"])),
                     page(IMG.replace(PICTURE, base64.b64encode(b"<svg><text>/home/ada</text></svg>").decode()))],
    "widgets": [lambda b: b["metadata"].__setitem__("widgets", {}),
                put(2, {"output_type": "display_data", "metadata": {},
                        "data": {"application/vnd.jupyter.widget-view+json": {}, "text/plain": TWIN}})],
    "types": [put(2, shown(application__javascript="x")), put(2, shown(image__svg_xml="<svg/>")),
              put(2, {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": "<svg/>"}})],
    "scripts": [page("<script>x</script>"), page('<p onclick="x()">x</p>'), page('<a href="javascript:x">x</a>'),
                page("<p><iframe></p>"), put(2, shown(text__markdown="<img alt='a' src=x onerror=y>")),
                page(IMG.replace(PICTURE, base64.b64encode(b"<svg><script>x</script></svg>").decode())),
                page('<img alt="a broken picture" src="data:image/svg+xml;base64,%%%">')],
    "inline-svg": [page("<svg></svg>"), page("<style>p {x: 1}</style>")],
    "remote": [page('<img alt="a" src="https://evil.example/x.png">'), page('<p style="background:url(x.png)">x</p>'),
               text("see https://shop.com/orders"), put(2, printed("ftp://10.1.2.3/x")),
               say(0, "# A title\n![a](https://shop.com/x.png)"), page("<style scoped>@import 'x'</style>")],
    "size": [text("x" * LIMIT)],
    "metadata": [lambda b: b["metadata"]["language_info"].__setitem__("version", "3.11.7"),
                 lambda b: b["metadata"].pop("kernelspec"), lambda b: b["metadata"].__setitem__("vscode", {}),
                 lambda b: b["cells"][2]["metadata"].__setitem__("execution", {}), lambda b: b["cells"][2].pop("id"),
                 lambda b: b["cells"][2].__setitem__("id", "cell-3")],
    "alt-text": [page(f'<img src="data:image/svg+xml;base64,{PICTURE}">'), page('<img alt="  " src="data:,">'),
                 say(5, "## A finding\n![](x.png)"),
                 say(5, '## A finding\n<img src="x.png">')],
    "text-twin": [put(6, shown(text__html=IMG)), put(6, shown(text__html=IMG, text__plain="<Figure at the end of it>")),
                  put(6, shown(image__png="iVBOR", text__plain="<Figure size 640x480 with 1 Axes>")),
                  put(6, shown(image__png="iVBOR", text__plain="Figure(640x480, axes=1)"))],
    "named-imports": [say(2, "from evlab import *")],
    "short-cells": [say(2, "\n".join(f"x{n} = {n}" for n in range(19)))],
    "headings": [say(5, "## The pain"), say(5, "## 7. Trade-offs"), say(5, "### **Introduction**"),
                 say(5, "# Another title"), say(0, "No title"), say(5, "## Conclusion\n")],
    "map": [lambda b, said=said: b["metadata"].__setitem__("evlab", said) for said in (
        {"title": "Another title", "minutes": 20}, {"title": "The e-mail arrives before the order", "minutes": 25})],
    "predictions": [say(3, "x = 1")],
    "answered": [say(6, "draw(history, compare(a, 1), compare(b, 2.5))"), say(6, "compare(a, 1), compare(b, 2.5)\nc"),
                 say(4, 'predict("01.c", "Which?", ["x", "y"])')],
    "counted": [say(5, f"## A finding\n\n{text}") for text in (
        "It took 1,213 ms.", "All 412 of them.", "At 36,500 an hour.", "It costs 50.70.", "| 0.123 | late |",
        "Of 241, none came.", "**137** orders (118 late)")],
    "voice": [say(5, "## A finding\n\nIt works!"), say(5, "## A finding\n\nYou simply run it."),
              say(5, "## A finding\n\nKafka gives you exactly-once delivery."), say(5, "Just run it.")],
    "links": [say(5, "## A finding\n\n[glossary](../docs/glossary.md)"), say(5, "See [it](03_gone.ipynb#part)."),
              say(5, "## A finding\n\n[above](#Another-finding)"), say(5, "See [now](02_bus.ipynb#now)."),
             say(5, "See [it][there].\n\n[there]: 03_gone.ipynb"), say(5, 'See <a href="03_gone.ipynb">it</a>.'),
             say(5, "![a picture](gone.png)"), say(5, "<img alt='a picture' src='gone.png'>")],
    "no-solutions": [say(2, "### BEGIN SOLUTION\nx = 1"), say(5, "## A finding\n\n### END SOLUTION")],
}


def test_the_good_notebook_breaks_no_rule():
    assert faults_of(good()) == []


def test_every_rule_has_faults_planted():
    assert PLANTED.keys() == RULES.keys()


@pytest.mark.parametrize(("rule", "number"), [(rule, n) for rule in PLANTED for n in range(len(PLANTED[rule]))])
def test_a_planted_fault_is_found_by_its_rule(rule, number):
    book = good()
    PLANTED[rule][number](book)
    name = "labs/lab01_bus.ipynb" if rule == "no-solutions" else "notebooks/01_good.ipynb"
    assert rule in {fault.rule for fault in faults_of(book, name)}


LAB, MASTER = "labs/lab01_bus.ipynb", "labs/authoring/lab01/lab01_bus.ipynb"


def unrun(book):
    for each in book["cells"]:
        if each["cell_type"] == "code":
            each |= {"outputs": [], "execution_count": None, "metadata": {}}
    return book


def test_a_lab_is_unrun_and_may_carry_nbgraders_metadata():
    book = unrun(good())
    book["cells"][2]["metadata"] = {"nbgrader": {"grade": True}}
    assert faults_of(book, LAB) == []
    assert {fault.rule for fault in faults_of(book)} == {"counts", "metadata"}
    assert {fault.rule for fault in faults_of(book, MASTER)} == {"counts", "metadata"}
    for more in ({"execution_count": 1}, {"outputs": [printed("42")]}):
        book = unrun(good())
        book["cells"][2] |= more
        assert [(fault.rule, fault.cell) for fault in faults_of(book, LAB)] == [("counts", 3)]


def test_a_master_holds_solutions_as_long_as_they_have_to_be_and_nothing_else_does():
    book = good()
    solution = "\n".join(["### BEGIN SOLUTION", *(f"x{n} = {n}" for n in range(40)), "### END SOLUTION"])
    book["cells"][2]["source"] = f"# answer: lab01.q1\n{solution}"
    assert faults_of(book, MASTER) == []
    for name in (LAB, "notebooks/01_good.ipynb"):
        assert {"no-solutions", "short-cells"} <= {fault.rule for fault in faults_of(book, name)}
    book["cells"][2]["source"] += "\n### END SOLUTION"
    assert {fault.rule for fault in faults_of(book, MASTER)} == {"no-solutions", "short-cells"}
    book["cells"][2]["source"] = "\n".join(f"x{n} = {n}" for n in range(19))
    assert {fault.rule for fault in faults_of(book, MASTER)} == {"short-cells"}


def test_the_links_of_a_master_are_those_of_the_lab_that_learners_get():
    book = good()
    book["cells"][0]["source"] = "# A title\n\n[Before](../notebooks/02_bus.ipynb) [itself](lab01_bus.ipynb)"
    assert faults_of(book, MASTER) == []
    book["cells"][0]["source"] = "# A title\n\n[Before](../../../notebooks/02_bus.ipynb)[x](checks.py)"
    assert [fault.rule for fault in faults_of(book, MASTER)] == ["links"]


@pytest.mark.parametrize("words", [
    "It took 1,213 ms.", "It took 1213 ms.", "42.00 EUR, and 42.50", "At 200,000 a second, 9,000 of 100.",
    "In 2017 and 1987.", "| 412 Precondition Failed |", 'Say `1,999` or "1,888".',
    "order-1042 at 14:055, a 250-page book, v3.11.7, 99 or 7 %"])
def test_a_number_that_a_cell_has_or_that_counts_nothing_is_no_fault(words):
    book = good()
    book["cells"][5]["source"] = f"## A finding\n\n{words}"
    book["cells"][1]["source"] += "\nlate, price = 1_213, 4250"
    book["cells"][8]["outputs"] = [printed("42 EUR\n")]
    assert faults_of(book) == []


def test_the_title_and_the_minutes_of_the_map_are_those_of_the_first_cell():
    book = good()
    book["metadata"]["evlab"] = {"title": "The e-mail arrives before the order", "minutes": 20, "question": "Why?"}
    assert faults_of(book) == []


def test_the_first_notebook_owes_no_predictions():
    book = good()
    book["cells"][3]["source"] = "x = 1"
    assert faults_of(book, "notebooks/00_start_here.ipynb") == []


def test_a_cell_that_is_not_python_hides_nothing_in_the_others():
    book = good()
    book["cells"][1]["source"] = "def broken(:"
    book["cells"][2]["source"] = "from evlab import *"
    assert "named-imports" in {fault.rule for fault in faults_of(book)}


def with_output(bundle):
    book = good()
    book["cells"][2]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": bundle}]
    return faults_of(copy.deepcopy(book), only=SAFETY)


def test_there_are_two_hundred_hostile_payloads():
    assert len(set(PAYLOADS)) >= 200


def test_hostile_data_that_reaches_a_page_as_html_is_found():
    """BOOK-2: the rules see each of the payloads when it stands in an output unescaped."""
    unseen = [payload for payload in PAYLOADS if not with_output({"text/html": f"<div>{payload}</div>"})]
    assert not unseen


def test_hostile_data_that_is_shown_as_text_is_no_fault():
    accused = [payload for payload in PAYLOADS if with_output({"text/html": f"<div>{html.escape(payload)}</div>"})]
    assert not accused


@pytest.mark.parametrize("part", range(4))
def test_what_evlab_draws_from_hostile_data_is_safe(part):
    """BOOK-2: events, nodes and texts that hold a payload come out as text, in pictures and on cards."""
    for payload in PAYLOADS[part::4]:
        history = History()
        history.invoke(payload, payload, node=payload).ok(payload)
        history.note(payload, node="email")
        figure = timeline(history, title=payload)
        on_card = card(paragraph(payload), table([payload], [[payload]], payload), label=payload)
        for bundle in (figure._repr_mimebundle_(), {"text/html": on_card}):
            assert not with_output(bundle), payload
