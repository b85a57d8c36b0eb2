"""The answers that a lab is proved with: the master's, other right ones, wrong ones, and none at all.

mutants/NAME.py and rights/NAME.py hold cells of a lab, each from its line `# answer: lab01.q1` or `# helper: lab01` to
the next such line. Above the first one stand comments: what kind of answer it is, and of a mutant the line

    # expect: lab01.q1 fails, hint=STOPS_AT_FAILURE

What a file does not hold is the master's.
"""

from __future__ import annotations

import ast
import pathlib
import re
from collections import defaultdict
from dataclasses import dataclass, replace

from evlab.course.judge.answers import Answers, collect, mark_of, read_answers
from evlab.course.judge.question import Lab

__all__ = ["Fault", "Variant", "blamed_codes", "read_variant", "variants_of"]

_EXPECT = re.compile(r"#[ \t]*expect:[ \t]*(\S+)[ \t]+fails,[ \t]*hint=(\w+)[ \t]*")
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")


class Fault(ValueError):
    """A file of an author's that is not written as it has to be; the text says what is wrong."""


@dataclass(frozen=True)
class Variant:
    """One set of answers. kind: master, right, mutant, untouched (every gap is open), or gap (one of them is)."""

    kind: str
    name: str
    """As in "mutants/q1_no_try.py"."""
    answers: Answers
    question: str = ""
    """Of a mutant or a gap: the question that is not answered well."""
    hint: str = ""
    """Of a mutant: the hint that its verdict has to have."""

    def differs(self, master: Answers, lab: Lab) -> list[str]:
        """The questions whose verdict may be another than the master's: an answer, a helper, or one it uses differs."""
        if self.answers is master or self.answers.helpers != master.helpers:
            return list(lab.questions)
        found: list[str] = []
        for id, question in lab.questions.items():
            if self.answers.cells.get(id) != master.cells.get(id) or set(question.uses) & set(found):
                found.append(id)
        return found


def variants_of(lab: Lab, folder: pathlib.Path, master: pathlib.Path, learners: list[str],
                ) -> tuple[list[Variant], list[tuple[str, str]]]:
    """Every variant of the lab in `folder`, the longest to judge first, and (file, what is wrong) of those that cannot
    be read. `learners` holds the sources of the notebook that learners get."""
    right, untouched = read_answers(master, lab.name), collect(learners, lab.name)
    found = [Variant("master", "the master", right)]
    faults = []
    alike = {_code(right): "the master"}
    for kind, held in (("right", "rights"), ("mutant", "mutants")):
        for path in sorted(path for path in folder.joinpath(held).glob("[!._]*")):
            name = f"{held}/{path.name}"
            try:
                one = read_variant(_text(path), kind, name, right, lab)
            except (Fault, OSError, UnicodeDecodeError) as error:
                faults.append((name, str(error)))
                continue
            found.append(one)
            if (other := alike.setdefault(_code(one.answers), name)) != name:
                faults.append((name, f"it is the same code as {other}, and proves nothing more"))
    found.append(Variant("untouched", "untouched", untouched))
    for id in lab.questions if len(lab.questions) > 1 else ():
        cells = {**right.cells, id: untouched.cells.get(id, "")}
        found.append(Variant("gap", f"all but {id}", replace(right, cells=cells), id))
    return found, faults


def _text(path: pathlib.Path) -> str:
    if path.suffix != ".py":
        raise Fault("it is not read: an answer is a file NAME.py, right in this folder")
    return path.read_text("utf-8")


def _code(answers: Answers) -> str:
    """The answers without their comments and their layout."""
    cells = []
    for cell in (*(answers.cells[id] for id in sorted(answers.cells)), *answers.helpers):
        try:
            cells.append(ast.dump(ast.parse(cell)))
        except (SyntaxError, ValueError):
            cells.append(cell)
    return "\n".join(cells)


def read_variant(text: str, kind: str, name: str, master: Answers, lab: Lab) -> Variant:
    """The answers in the text of a file. Raises `Fault`."""
    first, *cells = re.split(r"(?m)^(?=#[ \t]*(?:answer|helper)[ \t]*:)", text)
    heads = [line for line in first.splitlines() if line.strip()]
    if any(not line.startswith("#") for line in heads):
        raise Fault("code stands above the first `# answer: ...` or `# helper: ...`")
    expected = [found for line in heads if (found := _EXPECT.fullmatch(line.rstrip()))]
    if not [line for line in heads if line.strip("# \t") and not re.match(r"#[ \t]*expect:", line)]:
        raise Fault("its first line does not say what kind of answer it is, as in `# Retries for ever.`")
    if len(expected) != (kind == "mutant"):
        raise Fault(f"it needs one line such as `# expect: {lab.name}.q1 fails, hint=CODE`" if kind == "mutant" else
                    "a right answer expects no failure")
    answers = Answers(dict(master.cells), [], master.others)
    held = set()
    for cell in cells:
        of, id = mark_of(cell)
        if of == "answer" and id in lab.questions and id not in held:
            answers.cells[id] = cell.rstrip() + "\n"
            held.add(id)
        elif of == "helper" and id == lab.name:
            answers.helpers.append(cell.rstrip() + "\n")
        else:
            raise Fault(f"{cell.splitlines()[0]!r} stands twice, or names nothing of {lab.name}")
    if not cells:
        raise Fault("it holds no cell, which begins with `# answer: ...` or `# helper: ...`")
    answers.helpers = answers.helpers or master.helpers
    question, hint = (expected[0][1], expected[0][2]) if expected else ("", "")
    if expected and question not in lab.questions:
        raise Fault(f"it expects {question} to fail, which is no question of {lab.name}")
    return Variant(kind, name, answers, question, hint)


# ------------------------------------------------------------------------------------------ codes in a checks.py


def blamed_codes(source: str) -> dict[str, int]:
    """Each hint that a checks.py may blame, with the line where it stands: {"STOPS_AT_FAILURE": 75, ...}.

    That is a string in capitals which is the first argument of `blame`, a value of the dict given to `blame_first`, or
    gets there by a variable, a parameter, its default or what a function returns.
    """
    nodes = list(ast.walk(ast.parse(source)))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    sources = _sources(nodes, calls)
    names, found, looked = set(), {}, set()
    waiting = [node for call in calls for node in _hints_in(call)]
    while waiting:
        node = waiting.pop()
        if id(node) in looked:
            continue
        looked.add(id(node))
        if isinstance(node, ast.IfExp):
            waiting += [node.body, node.orelse]
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and _CODE.fullmatch(part.value):
                found.setdefault(part.value, part.lineno)
            name = part.id if isinstance(part, ast.Name) else ""
            if name and name not in names:
                names.add(name)
                waiting += sources.get(name, ())
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _hints_in(call: ast.Call) -> list[ast.expr]:
    """The expressions of a call of `blame` or `blame_first` that say which hint it is."""
    name = _called(call)
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "blame":
        return [*call.args[:1], *(value for key, value in named.items() if key == "hint")]
    if name == "blame_first":
        return [*call.args[1:2], *(value for key, value in named.items() if key == "hints")]
    return []


def _sources(nodes: list[ast.AST], calls: list[ast.Call]) -> dict[str, list[ast.expr]]:
    """The expressions whose value each name may have, wherever it stands: too many rather than too few."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    calls_of: dict[str, list[ast.Call]] = defaultdict(list)
    for call in calls:
        calls_of[_called(call)].append(call)
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value:
            for name in _names(*(node.targets if isinstance(node, ast.Assign) else [node.target])):
                found[name].append(node.value)
        elif isinstance(node, ast.For):
            for name in _names(node.target):
                found[name].append(node.iter)
        elif isinstance(node, ast.FunctionDef):
            found[node.name] += [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                found[argument.arg] += _given_to(node, argument.arg, calls_of[node.name])
    return found


def _given_to(function: ast.FunctionDef, name: str, calls: list[ast.Call]) -> list[ast.expr]:
    """What a parameter of that name may be given: its default, and the arguments of each call of the function."""
    places = [*function.args.posonlyargs, *function.args.args]
    wanted = next((n for n, argument in enumerate(places) if argument.arg == name), None)
    alone = next((n for n, argument in enumerate(function.args.kwonlyargs) if argument.arg == name), None)
    default = function.args.kw_defaults[alone] if wanted is None else (
        [None] * (len(places) - len(function.args.defaults)) + function.args.defaults)[wanted]
    found = [] if default is None else [default]
    for call in calls:
        itself = isinstance(call.func, ast.Attribute) and places and places[0].arg in ("self", "cls")
        place = None if wanted is None else wanted - bool(itself)
        if place is not None and 0 <= place < len(call.args):
            found.append(call.args[place])
        found += [keyword.value for keyword in call.keywords if keyword.arg == name]
    return found


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _names(*targets: ast.expr) -> set[str]:
    return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
