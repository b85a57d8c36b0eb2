"""GRADE-1, what an answer remembers and what it asks for later: no false pass across histories, processes and seeds."""

from __future__ import annotations

import pytest
from attack_cells import RIGHT

from evlab.course.judge import Answers, Judge, find_lab

MARK = "# answer: lab01.q1\n"
STOPS = RIGHT.replace("except Exception as error", "except BaseException as error")
"""Wrong in one history only, where somebody presses Ctrl-C."""

RIGHT_Q3 = '''# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number == attempts:
                give_up(event, error)
            else:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))
    %s
    attempt(1)
'''


@pytest.fixture(scope="module")
def judge():
    with Judge(find_lab("lab01")) as judge:
        yield judge


def judged(judge, source, question="lab01.q1", seed=0):
    judge.seed = seed
    verdict, = judge.judge(Answers(cells={question: source}), [question])
    judge.seed = 0
    assert verdict.status != "broken", verdict.text
    return verdict


@pytest.mark.parametrize("seed", [0, 7, 4711])
@pytest.mark.parametrize("place", ["sys.modules.setdefault('stash', {})", "builtins.__dict__.setdefault('stash', {})",
                                   "sys.__dict__.setdefault('stash', {})", "os.environ"])
def test_an_answer_that_counts_its_histories_does_not_pass(judge, place, seed):
    """GRADE-1. It is wrong until it has seen as many histories as stand before the one in which that would show."""
    before = sum(check.histories for check in judge.lab.questions["lab01.q1"].checks[:-1])
    wrong, right = STOPS.replace("deliver_all", "wrong"), RIGHT.replace("deliver_all", "right")
    source = f'''{MARK}import builtins, os, sys
stash = {place}
stash["seen"] = str(int(stash.get("seen", "0")) + 1)
{wrong}
{right}
deliver_all = right if int(stash["seen"]) > {before} else wrong
'''
    verdict = judged(judge, source, seed=seed)
    assert verdict.status == "failed" and verdict.hint == "CATCHES_EVERYTHING"


def test_a_new_process_remembers_nothing(judge):
    """GRADE-1. `fresh=True` is a crash: nothing of the module, the builtins or the disk comes back."""
    source = MARK + '''import builtins, sys, json
try:
    open("/tmp/stash", "a").write("x")
except OSError:
    pass
met = [hasattr(builtins, "stash"), "stash" in sys.modules, hasattr(json, "stash")]
builtins.stash = json.stash = sys.modules["stash"] = 1
def deliver_all(event, subscribers): return met
'''
    actor = judge.jail.actor([("q", source)])
    for _ in range(2):
        actor.reset(0)
    assert finish(actor.call("deliver_all", None, [])) == [True, True, True]
    actor.kill()
    actor = judge.jail.actor([("q", source)])
    actor.reset(0)
    assert finish(actor.call("deliver_all", None, [])) == [False, False, False]


def finish(process):
    with pytest.raises(StopIteration) as stop:
        next(process)
    return stop.value.value


@pytest.mark.parametrize("seed", [0, 3])
def test_the_seed_stays_with_the_judge(judge, seed):
    """An answer that knew the seed would know each fault to come."""
    source = MARK + '''import random
first = [random.random()]
def deliver_all(event, subscribers): return first
'''
    actor = judge.jail.actor([("q", source)])
    actor.reset(seed)
    first = finish(actor.call("deliver_all", None, []))
    actor.reset(seed)
    assert finish(actor.call("deliver_all", None, [])) == first
    actor.reset(seed + 1)
    assert finish(actor.call("deliver_all", None, [])) != first
    import random

    assert random.Random(seed).random() != first[0]


def test_each_process_has_its_own_chance_and_its_own_hash_of_a_text(judge):
    """As in life: an id that is drawn, or made by `hash`, is another one after a restart."""
    source = MARK + '''import random
def deliver_all(event, subscribers):
    return [[random.random(), hash("order-42"), hash(("order", 42))], [hash(42), hash((4, 2)), hash("a") == hash("a")]]
'''
    actor = judge.jail.actor([("q", source)])
    seen = {}
    for process in "worker/1", "worker/2", "mail/1":
        actor.reset(7, process)
        seen[process], same = finish(actor.call("deliver_all", None, []))
        assert same == [hash(42), hash((4, 2)), True]
        actor.reset(7, process)
        assert finish(actor.call("deliver_all", None, []))[0] == seen[process], "the same history has the same"
    for kind in zip(*seen.values(), strict=True):
        assert len(set(kind)) == 3


@pytest.mark.parametrize("question", ["lab01.q1", "lab01.q4"])
def test_an_answer_that_fails_but_once_fails(judge, question):
    """GRADE-1. What it did wrong it did, though no second run shows it."""
    name = "deliver_all" if question == "lab01.q1" else "Bus"
    right = RIGHT if name == "deliver_all" else "class Bus:\n    pass\n"
    source = f'''# answer: {question}
import sys
{right}
right = {name}
class Wrong:
    def __init__(self, *a): self.dead_letters = []
    def subscribe(self, *a): pass
    def publish(self, *a): pass
    def redrive(self): pass
def {name}(*a):
    first = "once" not in sys.modules
    sys.modules["once"] = sys
    return (Wrong(*a) if {name == "Bus"} else []) if first else right(*a)
'''
    verdict = judged(judge, source, question)
    assert verdict.status == "failed" and verdict.hint


def test_a_failure_that_no_second_run_shows_is_a_failure_all_the_same(judge):
    """GRADE-1. It comes with the process's second history, and goes when the judge looks for fewer faults."""
    source = '''# answer: lab01.q4
import builtins
builtins.seen = getattr(builtins, "seen", 0) + 1
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.attempts, self.first = env, attempts, first
        self.subscribers, self.dead_letters = {}, []
    def subscribe(self, name, handler):
        self.subscribers[name] = handler
    def publish(self, event):
        for name in list(self.subscribers):
            self.deliver(event, name, 1)
    def deliver(self, event, name, number):
        try:
            self.subscribers[name](event)
        except Exception as error:
            if type(error).__name__ == "Timeout" and seen == 2 and number == 1:
                return
            if number == self.attempts:
                self.dead_letters.append((event, name, error))
            else:
                self.env.after(self.first * 2 ** (number - 1), lambda: self.deliver(event, name, number + 1))
'''
    verdict = judged(judge, source, "lab01.q4")
    assert verdict.status == "failed" and verdict.failure.plan and not verdict.failure.smallest, str(verdict)


@pytest.mark.parametrize("code, hint", [
    ("env.after(-1, print)", "RAISES"), ("env.after('1', print)", "RAISES"), ("env.after(True, print)", "RAISES"),
    ("env.after(float('nan'), print)", "RAISES"), ("env.after(float('inf'), print)", "RAISES"),
    ("env.after(10**400, print)", "RAISES"), ("env.after(10**100_000, print)", "RAISES"),
    ("env.after('x' * 300_000, print)", "RAISES"), ("env.after(1, None)", "CALLS_AT_ONCE"),
    ("env.after(1, attempt(1))", ""),
    ("env.after(1, handler)", "CALLS_AT_ONCE"), ("env.after(1, env)", "CALLS_AT_ONCE"), ("env.after(1)", "RAISES"),
    ("env.after(delay=1, call=print, more=2)", "RAISES"), ("env.now(1)", "RAISES"), ("env.later(1)", "RAISES"),
    ("env.after(1, lambda: 1 / 0)", "RAISES"), ("env.after(1, lambda: exec('while 1: pass'))", "STUCK"),
    ("again = lambda: env.after(0, again); again()", "ENDLESS"),
    ("env.after(1, lambda: __import__('os')._exit(0))", "EXITS"),
    ("env.after(1, lambda: (yield))", "YIELDS"), ("env.after(1e8, lambda: 1 / 0)", None), ("give_up(event, env)", ""),
    ("give_up(give_up, give_up)", ""), ("give_up()", "RAISES"), ("handler(None)", ""), ("handler()", "RAISES"),
])
def test_calls_of_the_judges_own_things(judge, code, hint):
    """GRADE-1. Delays that are none, calls that cannot be called, callbacks that fail, never end, or come too late.

    None: it does no harm, and the answer is right otherwise. "": the check has its own word for it.
    """
    source = RIGHT_Q3 % code
    verdict = judged(judge, source, "lab01.q3")
    assert verdict.passed == (hint is None), str(verdict)
    assert not hint or verdict.hint == hint, str(verdict)
