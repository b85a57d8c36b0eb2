"""The grades as files: what a spreadsheet, a browser or Gradescope makes of them, whatever a learner wrote."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from html.parser import HTMLParser

import pytest
from grading_lab import make_course

from evlab.course import report_html, reports
from evlab.course.grading import Grades, Row

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)> \"'`x` &amp;"


@pytest.fixture(scope="module", autouse=True)
def course(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = make_course(tmp_path_factory.mktemp("course"))
        patch.setenv("EVLAB_COURSE", str(folder))
        yield folder


def verdict(question, status="passed", points=1.0, **more):
    return {"question": question, "title": "Twice", "points": points, "earned": points if status == "passed" else 0,
            "status": status, "hint": "", "anomaly": "", "text": "", "advice": "", "lines": [], "seed": None,
            "printed": "", "checks": [["twice as much", status, 6]]} | more


def failed(**more):
    return verdict("lab90.q2", "failed", 2.5, **({"hint": "NOT_TOLD", "seed": 17003, "text": "email was told 0 times",
                                                  "lines": ["  0.000 s  bus begins tell"], "advice": "Call <all>."}
                                                 | more))


def row(learner="alice", q1=None, q2=None, note="", **more):
    verdicts = {} if note else {"lab90.q1": q1 or verdict("lab90.q1"), "lab90.q2": q2 or failed()}
    return Row(learner, f"{learner}.ipynb", f"page-{abs(hash(learner))}", "lab90", verdicts, 3.5, note, **more)


def graded(*rows):
    return Grades(list(rows), {"lab90": {"lab90.q1": 1, "lab90.q2": 2.5}}, 17, "limits only, not a sandbox", 1, 0)


def read_csv(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


# ------------------------------------------------------------------------------------------------------------- CSV


def test_the_csv_has_points_status_hint_and_note():
    data = reports.csv_bytes(graded(row(), row("bob", note="it is empty")))
    assert data.decode().split("\n")[0] == ("learner,file,lab,q1,q2,total,maximum,q1 status,q2 status,q1 hint,q2 hint,"
                                            "note")
    alice, bob = read_csv(data)
    assert (alice["q1"], alice["q2"], alice["total"], alice["maximum"]) == ("1", "0", "1", "3.5")
    assert (alice["q2 status"], alice["q2 hint"], alice["q1 hint"]) == ("failed", "NOT_TOLD", "")
    assert (bob["q1"], bob["total"], bob["q1 status"], bob["note"]) == ("0", "0", "not judged", "it is empty")


def test_several_labs_have_a_row_each_and_columns_with_their_names():
    other = Row("alice", "alice.ipynb", "page", "lab91", {"lab91.q1": verdict("lab91.q1", points=2)}, 2)
    grades = graded(row(), other, Row("x", "x.ipynb", "x", "", {}, 0, "it is empty"))
    grades.labs["lab91"] = {"lab91.q1": 2}
    first, second, third = read_csv(reports.csv_bytes(grades))
    assert (first["lab90.q1"], first["lab91.q1"], second["lab90.q1"], second["lab91.q1"]) == ("1", "", "", "2")
    assert (third["lab"], third["total"], third["maximum"], third["lab90.q1"]) == ("", "0", "", "")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "=cmd|' /C calc'!A0",
                                  "\uff1d1+1", "\0=1"])
def test_no_cell_is_a_formula(name):
    found = row(name, q2=failed(hint=name), note="")
    (line,) = read_csv(reports.csv_bytes(graded(found)))
    for cell in (line["learner"], line["file"], line["q2 hint"]):
        assert cell.startswith("'"), cell
    assert line["learner"] == "'" + name


@pytest.mark.parametrize("name", ["a;=1+1", "a,=1+1", 'a",=1+1,"', "a\n=1+1", "a\t=1+1", "a|b", " a"])
def test_a_separator_of_any_country_stays_inside_its_cell(name):
    data = reports.csv_bytes(graded(row(name)))
    (line,) = read_csv(data)
    assert line["learner"] == name
    assert data.decode().split("\n", 1)[1].startswith('"')


def test_a_byte_order_mark_leads_only_where_a_letter_needs_it():
    assert reports.csv_bytes(graded(row("alice"))).startswith(b"learner")
    data = reports.csv_bytes(graded(row("Zo\u00eb \u540d")))
    assert data.startswith(b"\xef\xbb\xbflearner") and "Zo\u00eb \u540d" in data.decode("utf-8-sig")
    assert b"?" in reports.csv_bytes(graded(row("\ud800")))


def test_an_ordinary_name_is_left_alone():
    assert "alice-1,alice-1.ipynb,lab90,1,0,1,3.5," in reports.csv_bytes(graded(row("alice-1"))).decode()


# ------------------------------------------------------------------------------------------- JSON lines, Gradescope


def test_json_lines_hold_whole_verdicts_and_the_isolation():
    (line,) = [json.loads(line) for line in reports.jsonl_bytes(graded(row())).splitlines()]
    assert line["isolation"] == "limits only, not a sandbox" and line["seed"] == 17
    assert line["verdicts"] == [verdict("lab90.q1"), failed()]


def test_gradescope_gets_a_valid_results_json(tmp_path):
    reports.write_gradescope(graded(row(), row("bob", note="it is empty")), tmp_path)
    written = sorted(tmp_path.glob("*/results.json"))
    assert len(written) == 2
    by_score = {result["score"]: result for result in (json.loads(path.read_text()) for path in written)}
    for score, result in by_score.items():
        assert result["visibility"] == "visible" and result["output_format"] == "text"
        assert sum(test["score"] for test in result["tests"]) == score
        for test in result["tests"]:
            assert test.keys() == {"name", "number", "score", "max_score", "status", "output", "output_format",
                                   "visibility"}
            assert 0 <= test["score"] <= test["max_score"] and test["status"] in ("passed", "failed")
    q1, q2 = by_score[1]["tests"]
    assert (q1["status"], q1["score"], q2["status"], q2["max_score"]) == ("passed", 1, "failed", 2.5)
    assert "email was told 0 times" in q2["output"] and "bus begins tell" in q2["output"] and "Call" in q2["output"]
    assert by_score[0]["output"] == "it is empty" and "it is empty" in by_score[0]["tests"][0]["output"]


def test_one_submission_has_its_results_json_where_gradescope_looks(tmp_path):
    reports.write_gradescope(graded(row()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(("rows", "score", "said"), [
    ([row("data", note="it is no notebook"), row()], 1,
     ["Judged with seed 17.", "Not judged: data.ipynb: it is no notebook"]),
    ([row(), row("copy")], 0, ["Not judged: 2 files hold answers; hand in one of them."]),
    ([row("a", note="it is empty"), row("b", note="it is large")], 0,
     ["Not judged: a.ipynb: it is empty", "Not judged: b.ipynb: it is large"])])
def test_an_upload_of_several_files_has_a_results_json_where_gradescope_looks(tmp_path, rows, score, said):
    reports.write_gradescope(graded(*rows), tmp_path)
    result = json.loads((tmp_path / "results.json").read_text())
    assert result["score"] == score == sum(test["score"] for test in result["tests"])
    assert result["output"].split("\n") == said and len(list(tmp_path.glob("*/results.json"))) == 2


# ------------------------------------------------------------------------------------------------------------ HTML


class Page(HTMLParser):
    """What stands in a page: its tags, and its text."""

    def __init__(self, text):
        super().__init__()
        self.found, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in ("img", "meta", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


FIGURE = {"svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(3)</script></svg>", "alt": 'told "0" <times>',
          "text": "words"}


def pages(*rows):
    grades = graded(*rows)
    return [Page(report_html.learner_page(rows, grades)) for rows in grades.files] + [
        Page(report_html.index_page(grades))]


def hostile_row():
    said = dict.fromkeys(("text", "advice", "printed", "hint"), HOSTILE) | {"lines": [HOSTILE]}
    return row(HOSTILE, q2=failed(**said), figures={"lab90.q2": FIGURE})


def test_pages_run_nothing_and_fetch_nothing_whatever_a_learner_wrote():
    for page in pages(hostile_row(), row("\u202e" + HOSTILE, note=HOSTILE)):
        assert page.open == [], "each tag is closed"
        assert {tag for tag, _ in page.found} <= {
            "html", "head", "meta", "title", "body", "h1", "h2", "p", "div", "ul", "li", "pre", "code", "table",
            "thead", "tbody", "tr", "th", "td", "a", "span", "img", "br", "wbr"}
        for tag, attributes in page.found:
            assert not [name for name in attributes if name.startswith("on")]
            assert attributes.get("src", "data:image/svg+xml;base64,").startswith("data:image/svg+xml;base64,")
            assert re.fullmatch(r"[\w-]+\.html", attributes.get("href", "index.html")), (tag, attributes)
            assert "url(" not in attributes.get("style", "")
        policy = [attributes["content"] for tag, attributes in page.found
                  if attributes.get("http-equiv") == "Content-Security-Policy"]
        assert policy and policy[0].startswith("default-src 'none'")
        assert "<script>alert(1)</script>" in page.text and "\u202e" not in page.text


def test_a_learners_page_shows_the_failing_history_in_a_picture_and_in_words():
    page, _ = pages(row(q2=failed(), figures={"lab90.q2": FIGURE}))
    (picture,) = [attributes for tag, attributes in page.found if tag == "img"]
    assert picture["alt"] == 'told "0" <times>'
    for text in ("0.000 s  bus begins tell", "Call <all>.", "email was told 0 times", "NOT_TOLD", "1 of 3.5 points",
                 "evlab check FILE --question lab90.q2 --seed 17 --history 3", "limits only, not a sandbox"):
        assert text in page.text
    assert "twice as much (6 histories)" in " ".join(page.text.split())
    assert "\u2713 passed" in page.text and "\u2717 failed" in page.text, "a mark says it as well as a colour"


def test_one_history_is_no_histories_and_an_advice_breaks_at_its_paragraphs_alone():
    alone = verdict("lab90.q1", checks=[["twice as much", "passed", 1]])
    page, _ = pages(row(q1=alone, q2=failed(advice="Call\n`all` of them.\n\nThen\nlook.\n")))
    assert "(1 history)" in page.text and "1 histories" not in page.text
    html = report_html.learner_page([row(q2=failed(advice="Call\nall of them.\n\nThen\nlook.\n"))], graded(row()))
    assert ">Call all of them.</p>" in html and ">Then look.</p>" in html


def test_each_lab_has_a_table_of_its_own_and_so_has_what_was_not_judged():
    other = Row("ann", "ann.ipynb", "page-o", "lab91", {"lab91.q1": verdict("lab91.q1", points=2)}, 2)
    grades = graded(row("alice"), row("bob", note="it is empty; hand in a file"), other)
    grades.labs["lab91"] = {"lab91.q1": 2}
    text = " ".join(Page(report_html.index_page(grades)).text.split())
    first, second = text.partition("Everybody in lab91")[::2]
    assert "Everybody in lab90 learner q1 q2 points alice \u2713 passed \u2717 NOT_ TOLD 1 of 3.5" in first
    assert second.partition(" Not judged")[0] == " learner q1 points ann \u2713 passed 2 of 2"
    assert "Not judged file why bob.ipynb it is empty; hand in a file" in second
    (name,) = re.findall("Anna.*?</a>", report_html.index_page(graded(row("Anna_file_/lab90"))))
    assert name == "Anna_<wbr>file_<wbr>/<wbr>lab90</a>", "a long name may break"
    noted = graded(row("alice"), Row("carl", "carl.ipynb", "c", "lab90", row().verdicts, 3.5, "a check failed"))
    assert "learner q1 q2 points note" in " ".join(Page(report_html.index_page(noted)).text.split())
    assert "Files: 3, seed 17" in first and "Not judged: 1; the last table says why." in first


def test_the_index_says_what_to_teach_again():
    rows = [row(f"learner {n}", q2=failed(hint="NOT_TOLD" if n == 1 else "TOLD_TWICE")) for n in range(4)]
    rows += [row("right", q2=verdict("lab90.q2", points=2.5)), row("empty", note="it is empty")]
    *_, index = pages(*rows)
    text = " ".join(index.text.split())
    assert "lab90.q2 Tell 1 of 5 passed TOLD_TWICE 3 Once. NOT_TOLD 1 Call everybody." in text
    assert "lab90.q1 Twice 5 of 5 passed" in text
    assert "it is empty" in text and "limits only, not a sandbox" in text


def test_every_link_of_the_index_leads_to_a_page(tmp_path):
    report_html.write_html(graded(row(), row("bob", note="x"), hostile_row()), tmp_path)
    linked = set(re.findall(r'href="([^"]+)"', (tmp_path / "index.html").read_text()))
    assert linked == {path.name for path in tmp_path.iterdir()} - {"index.html"} and len(linked) == 3


def test_nothing_half_written_is_left_when_the_disk_is_full(tmp_path, monkeypatch):
    reports.write_csv(graded(row()), tmp_path / "grades.csv")
    before = (tmp_path / "grades.csv").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for write in (reports.write_csv, reports.write_jsonl):
        with pytest.raises(OSError, match="No space"):
            write(graded(row("bob")), tmp_path / "grades.csv")
    assert (tmp_path / "grades.csv").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
