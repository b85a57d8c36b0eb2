"""The judge: finds the shortest history in which an answer breaks a promise, and names the mistake.

Read question.py first: what an author writes. verdict.py runs it, actor.py talks to the answer's process, child.py
starts in that process, stage.py is where the answer plays there, protocol.py what they say to each other, cage.py what
keeps the answer from doing harm. jail.py and processes.py start and end the processes. answers.py finds the answers in
a notebook, labs.py the labs.
"""

from __future__ import annotations

import importlib

_HOME_OF = {
    "Actor": "actor", "AnswerBroke": "actor", "AnswerRaised": "actor", "Jail": "jail", "Object": "actor",
    "Port": "actor", "Answers": "answers", "NotANotebook": "answers", "read_answers": "answers", "Case": "question",
    "Check": "question", "Lab": "question", "Mistake": "question", "Question": "question", "Judge": "verdict",
    "Verdict": "verdict", "find_lab": "labs", "lab_names": "labs",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'evlab.course.judge' has no attribute {name!r}")
    return getattr(importlib.import_module(f"evlab.course.judge.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
