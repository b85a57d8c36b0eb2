"""The checks of lab06, the group: what each question promises, and the histories in which it may break.

Two answers are pure functions, and evlab's own assignors say what is due. The others are members of a group that reads
evlab's log (members.py): they are killed before and after each of their calls, frozen, joined by others and left.
"""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable
from itertools import pairwise, permutations
from typing import Any

from evlab.course.judge import AnswerRaised, Case, Lab, Port
from evlab.course.judge.question import Blame
from evlab.log.assignors import assign_range, assign_sticky
from evlab.sim.history import describe

_SPEC = importlib.util.spec_from_file_location("evlab_checks_lab06_members",
                                               pathlib.Path(__file__).with_name("members.py"))
members = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(members)
Group, said = members.Group, members.said

lab = Lab("lab06", "The group")
A, B = "shipping-a", "shipping-b"


def turn(case: Case, forms: int) -> int:
    """Which of the forms this history is about: each in turn, whatever the seed."""
    return case.world.seed % 1000 % forms


def note(case: Case, text: str, node: str = "group") -> int:
    return case.history.add("note", text, node=node)


def once_more(case: Case, compare: Callable[[], None]) -> None:
    """A call that comes behind another one: what is wrong with it now would be right alone."""
    try:
        compare()
    except Blame as found:
        case.blame("REMEMBERS", f"in a second call, {found.mistake.text}", *found.mistake.entries)


# --------------------------------------------------------------------------------------------- q1: who gets which?

q1 = lab.question("q1", "Who gets which partition?", points=2, defines="assign")


def listed(share: Any) -> str:
    """A member's share in few words: orders-0 orders-1."""
    if not isinstance(share, list | tuple | set | frozenset):
        return describe(share)
    pairs = [one for one in share if isinstance(one, list | tuple) and len(one) == 2]
    if len(pairs) != len(share):
        return describe(list(share))
    return " ".join(f"{describe(topic)}-{describe(number)}" for topic, number in pairs) or "nothing"


def shares_of(case: Case, topics: dict[str, int], wishes: dict[str, list[str]]) -> dict[str, list]:
    """The answer's assignment, once it has the form that was asked for and gives each partition to one owner."""
    note(case, "partitions: " + ", ".join(f"{topic} {count}" for topic, count in topics.items()))
    note(case, "members: " + ", ".join(f"{member} reads {' and '.join(names)}" for member, names in wishes.items()))
    try:
        got = case.wait(case.actor("group").call("assign", dict(topics), {m: list(t) for m, t in wishes.items()}))
    except AnswerRaised as error:
        lonely = [topic for topic in topics if not any(topic in names for names in wishes.values())]
        if error.type == "ZeroDivisionError" and lonely:
            case.blame("NOBODY_ASKS", f"nobody reads {lonely[0]}, and {error.type}: {error.text} came out",
                       *case.entries("note"))
        raise
    if not isinstance(got, dict):
        case.blame("NO_SHARES", f"`assign` returned {describe(got)}, and no dict by member", *case.entries("note"))
    shares = {}
    for member, share in got.items():
        note(case, f"{describe(member)} gets {listed(share)}")
        pairs = list(share) if isinstance(share, list | tuple | set | frozenset) else [None]
        if member not in wishes or not all(isinstance(one, list | tuple) and len(one) == 2 for one in pairs):
            case.blame("NO_SHARES", f"{describe(member)} got {describe(share)}: a list of pairs (topic, number) for "
                                    "each member is needed", *case.entries("note"))
        shares[member] = sorted(map(tuple, pairs), key=lambda one: (str(one[0]), len(str(one[1])), str(one[1])))
    lines = case.entries("note")
    for member in wishes:
        if member not in shares:
            case.blame("MEMBER_MISSING", f"{member} is not in the answer: nobody tells it what it has", *lines)
    owners: dict[tuple, list[str]] = {}
    for member, share in shares.items():
        for one in share:
            owners.setdefault(one, []).append(member)
    for one, having in owners.items():
        topic, number = one
        if topic not in topics or not isinstance(number, int) or not 0 <= number < topics[topic]:
            case.blame("NO_SHARES", f"{having[0]} got {listed([one])}, and there is no such partition", *lines)
        if len(having) > 1:
            case.blame("TWO_OWNERS", f"{listed([one])} belongs to {' and to '.join(having)}", *lines)
        if topic not in wishes[having[0]]:
            case.blame("NOT_ASKED", f"{having[0]} does not read {topic}, and got {listed([one])}", *lines)
    for topic, count in topics.items():
        for number in range(count):
            if (topic, number) not in owners and any(topic in names for names in wishes.values()):
                case.blame("NO_OWNER", f"nobody owns {topic}-{number}: its records wait for ever", *lines)
    return shares


def compare_range(case: Case, topics: dict[str, int], wishes: dict[str, list[str]], hint: str) -> None:
    got, due = shares_of(case, topics, wishes), assign_range(topics, wishes)
    for member in due:
        if got[member] != due[member]:
            case.blame(hint, f"{member} has to get {listed(due[member])}, and got {listed(got[member])}",
                       *case.entries("note"))


def people(case: Case, count: int) -> list[str]:
    return [f"{name}-1" for name in sorted(case.random.sample(("ann", "ben", "dan", "eve", "fay", "gus"), count))]


@q1.check("each partition has one owner, and every member is told its share", histories=4)
def one_owner(case: Case):
    partitions, count = ((2, 1), (6, 3), (7, 3), (2, 4))[turn(case, 4)]
    shares_of(case, {"orders": partitions}, {member: ["orders"] for member in people(case, count)})


@q1.check("the pieces are consecutive, and the first members get what is left over", histories=4)
def pieces(case: Case):
    partitions, count = ((5, 2), (7, 3), (8, 3), (10, 4))[turn(case, 4)]
    topics, names = {"orders": partitions}, people(case, count)
    wishes = {member: ["orders"] for member in names}
    got, due = shares_of(case, topics, wishes), assign_range(topics, wishes)
    if got == due:
        return
    sizes = [len(got[member]) for member in names]
    first = next(member for member in names if got[member] != due[member])
    what = f"{first} has to get {listed(due[first])}, and got {listed(got[first])}"
    if sorted(got.values()) == sorted(due.values()):
        case.blame("NOT_SORTED", f"{what}: the pieces are right, and their owners are in another order",
                   *case.entries("note"))
    if any([number for _, number in got[m]] != list(range(got[m][0][1], got[m][0][1] + len(got[m])))
           for m in names if got[m]):
        case.blame("DEALT_OUT", f"{what}: that is no piece of neighbours", *case.entries("note"))
    if sizes != [len(due[member]) for member in names]:
        case.blame("REMAINDER", f"{what}: {partitions % count} of {partitions} are left over, and the shares are "
                                f"{' '.join(map(str, sizes))} of them", *case.entries("note"))
    case.blame("DEALT_OUT", what, *case.entries("note"))


@q1.check("everybody who computes it gets the same, whatever the order of the dicts", histories=2)
def same_for_all(case: Case):
    topics = {"payments": 5, "orders": 3}
    names = ["ship-2", "ship-10", "ship-1"]
    case.random.shuffle(names)
    if names == sorted(names):
        names.reverse()
    wishes = {member: ["orders", "payments"] for member in names}
    got, due = shares_of(case, topics, wishes), assign_range(topics, wishes)
    by_another_order = any({member: due[name] for member, name in zip(order, sorted(names), strict=True)} == got
                           for order in permutations(names))
    for member in sorted(names):
        if got[member] != due[member]:
            case.blame("NOT_SORTED" if by_another_order else "EVENED_OUT",
                       f"{member} has to get {listed(due[member])}, and got {listed(got[member])}",
                       *case.entries("note"))


@q1.check("each topic is cut for those who read it, and for itself", histories=4)
def each_topic(case: Case):
    ann, ben, gus = people(case, 3)
    forms = ({ann: ["orders"], ben: ["orders", "payments"], gus: ["payments"]},
             {ann: ["orders", "payments"], ben: ["orders", "payments"], gus: []},
             {ann: ["orders"], ben: ["orders"], gus: ["orders", "returns"]},
             {ann: ["orders", "payments", "returns"], ben: ["orders", "payments", "returns"], gus: ["returns"]})
    compare_range(case, {"orders": 5, "payments": 3, "returns": 4}, forms[turn(case, 4)], "EVENED_OUT")


@q1.check("a call knows nothing of the calls before it", histories=1)
def assigned_again(case: Case):
    wishes = {member: ["orders"] for member in people(case, 3)}
    compare_range(case, {"orders": 5}, wishes, "REMAINDER")
    once_more(case, lambda: compare_range(case, {"orders": 4}, wishes, "REMAINDER"))


# -------------------------------------------------------------------------------------- q2: poll, process, commit

q2 = lab.question("q2", "Poll, process, commit", points=3, defines="run")


def loop(actor, me):
    yield from actor.call("run", me.port, me.handle_port)


def keys_for(case: Case, *counts: int, first: int = 1) -> list[list[str]]:
    """Keys for so many records of each partition; no key is in two of them."""
    numbers = iter(case.random.sample(range(100 * first, 100 * first + 99), sum(counts)))
    return [[f"order-{next(numbers)}" for _ in range(count)] for count in counts]


def came_out(case: Case, group: Group) -> None:
    """Show an error of the answer's own, as it came out."""
    if group.deaths:
        raise group.deaths[0][1]


def all_handled(case: Case, group: Group, *, once: bool = True) -> None:
    """Blame the first record that was never done, out of its order, or done again without a need."""
    done = [one.place for one in group.handled]
    for place, record in group.records.items():
        if place in done:
            continue
        key, entries = record.fields["key"], case.entries("note") + [one.entry for one in group.done]
        if group.ended:
            case.blame("STOPS_WHEN_IDLE", f"`run` has returned, and {said(place)} of {key} came later", *entries)
        if key in {one.key for one in group.handled}:
            case.blame("ONE_PER_KEY", f"{said(place)} of {key} was never handled, and another record of {key} was",
                       *entries)
        topic = "" if group.topic == "orders" else f", of the topic {group.topic},"
        case.blame("NOT_HANDLED", f"{said(place)} of {key}{topic} was never handled", *entries)
    for number in range(len(group.ends)):
        first = list(dict.fromkeys(place for place in done if place[0] == number))
        if first != sorted(first):
            early = next(a for a, b in zip(first, sorted(first), strict=True) if a != b)
            case.blame("OUT_OF_ORDER", f"{said(early)} was handled before {said((number, early[1] - 1))}",
                       *[one.entry for one in group.done if one.place[0] == number])
    for place in done:
        if once and done.count(place) > 1:
            case.blame("HANDLED_TWICE", f"{said(place)} was handled {done.count(place)} times, and nobody had crashed",
                       *group.entries_of(place))


def all_committed(case: Case, group: Group) -> None:
    """Blame commits that do not say where each partition goes on."""
    committed, lines = group.committed, [one.entry for one in group.commits] + case.entries("note")
    for commit in group.commits:
        for number, offset in commit.offsets.items():
            if offset > group.ends[number] and commit.taken:
                case.blame("MIXES_PARTITIONS", f"partition {number} ends at {group.ends[number]}, and {offset} was "
                                               "committed for it", commit.entry)
    if not committed and any(group.ends):
        case.blame("NOTHING_COMMITTED", "all is done, and nothing is committed: the next member begins at the "
                                        "beginning", *lines)
    if group.behind and all(group.ends[number] - place == 1 for number, place in group.behind.items()) \
            and len(group.behind) == sum(1 for end in group.ends if end):
        number, place = next(iter(group.behind.items()))
        case.blame("LAST_NOT_NEXT", f"{said((number, place))} is done and {place} is committed, so whoever begins "
                                    "there does it again", *lines)
    left_out = any(one.place[1] >= highest_by(group, one.place[0], commit.entry) for commit in group.commits
                   for one in group.handled if one.entry < commit.entry and one.place[0] not in commit.offsets)
    for number in group.behind:
        case.blame("MIXES_PARTITIONS" if left_out else "WRONG_COMMIT",
                   f"all {group.ends[number]} records of partition {number} are done, and "
                   f"{committed.get(number, 'nothing')} is committed", *lines)


def highest_by(group: Group, number: int, entry: int) -> int:
    """The highest offset that was committed for a partition, up to an entry of the history."""
    return max((one.offsets[number] for one in group.commits if number in one.offsets and one.entry <= entry),
               default=0)


@q2.check("every record is handled once, in the order of its partition, also what comes later", histories=4)
def all_are_handled(case: Case):
    keys = keys_for(case, *((1, 0), (2, 1), (3, 2), (5, 4))[turn(case, 4)])
    if len(keys[0]) > 2:  # several records of one order: in one poll, and in a later one
        keys[0][-1] = keys[0][0]
    group = Group(case, loop, keys, batch=3)
    group.join(A)
    group.later(6.0, keys_for(case, 1, 2, first=2))
    group.run(20)
    if not group.deaths:
        all_handled(case, group)
    came_out(case, group)


@q2.check("when all is done, the next offset of each partition is committed", histories=4)
def next_is_committed(case: Case):
    group = Group(case, loop, keys_for(case, *((2, 0), (3, 1), (2, 4), (3, 5))[turn(case, 4)]), batch=6,
                  topic=("orders", "payments")[turn(case, 2)])
    group.join(A)
    group.later(6.0, keys_for(case, 1, 2, first=2))
    group.run(20)
    came_out(case, group)
    all_committed(case, group)


@q2.check("killed at any moment, it loses nothing, and repeats no more than one poll", histories=26)
def killed(case: Case):
    crash = 1 + case.world.seed % 1000
    group = Group(case, loop, keys_for(case, 5), batch=2, crash_at=crash)
    group.join(A)
    group.run(30)
    came_out(case, group)
    done, crashed = [one.place for one in group.handled], case.entries("kill")
    for place in group.records:
        if place not in done:
            case.blame("COMMITS_FIRST", f"{said(place)} was committed, then the process was killed: nobody will ever "
                                        "handle it", *crashed, *[one.entry for one in group.commits],
                       *case.entries("note"))
    again = [one for at, one in enumerate(group.handled) if one.place in done[:at]]
    if again and crashed:
        # the newest poll before the crash: what came before it had to be committed
        first = next(one for one in group.handled if one.place == again[0].place)
        before = [one for one in group.done if one.entry < crashed[0]]
        newest = max((number for number in case.entries("note") if number < crashed[0]
                      and case.history[number].what.startswith("poll gives")), default=0)
        if first.entry < newest:
            case.blame("COMMITS_LATE", f"{said(first.place)} was done and polled past, and yet it came again after the "
                                       f"crash: {len(before)} records were done, none of them was committed"
                       if not group.commits or group.commits[0].entry > crashed[0] else
                       f"{said(first.place)} was done and polled past, and yet it came again after the crash",
                       *group.entries_of(first.place), newest, crashed[0])


@q2.check("a record that was not done is not committed", histories=4)
def undone_is_not_committed(case: Case):
    keys = keys_for(case, 4)
    bad = (0, (0, 1, 3, 2)[turn(case, 4)])
    deaths = []

    def fails(place, times):
        return place == bad and len(deaths) < 1 and not group.deaths

    group = Group(case, loop, keys, batch=3, fails=fails)
    group.join(A)
    group.run(30)
    undone(case, group, bad, "run")


def undone(case: Case, group: Group, bad, name: str) -> None:
    """Blame a record that failed once, and was not done later. `name`: of the function that is at work."""
    wrong = [error for _, error in group.deaths if error.type != group.error.__name__]
    if wrong:
        raise wrong[0]
    done, lines = [one.place for one in group.handled], [one.entry for one in group.commits]
    if bad in done:
        return
    failed = [one.entry for one in group.done if not one.fine]
    if not failed:
        case.blame("NOT_HANDLED", f"{said(bad)} was never tried", *case.entries("note"))
    if not group.deaths and not any(number > bad[1] for one in group.commits for number in one.offsets.values()):
        what = f"`{name}` kept it: {len(failed)} attempt{'s' * (len(failed) > 1)} so far"
        what = f"`{name}` returned as if all were well" if group.ended else what
        case.blame("HIDES_THE_ERROR", f"the work on {said(bad)} failed, and the error did not come out; {what}",
                   *failed[:4], *case.entries("note"))
    if group.deaths:
        case.blame("COMMITS_UNDONE", f"the work on {said(bad)} failed, and on its way out the process committed it: it "
                                     "is lost", *failed, *lines, *case.entries("note"))
    case.blame("SWALLOWS", f"the work on {said(bad)} failed, and `{name}` went on as if it were done: it is lost",
               *failed, *lines, *case.entries("note"))


@q2.check("a partition that has gone to another member is not committed any more", histories=2)
def gone_is_not_committed(case: Case):
    group = Group(case, loop, keys_for(case, 2, 2), batch=4)
    group.join(A)
    group.join(B, 4.0)
    group.later(16.0, keys_for(case, 1, 1, first=2))
    if turn(case, 2):
        group.kill(B, 22.0)
        group.later(28.0, keys_for(case, 2, 1, first=3))
    group.run(45)
    for commit in group.commits:
        if not commit.taken:
            case.blame("COMMITS_WHAT_IS_GONE", "a commit names "
                       + " and ".join(f"orders-{number}" for number in sorted(commit.offsets))
                       + f", and {commit.node} no longer owns all of them: it is refused", commit.entry,
                       *case.entries("note"))
    came_out(case, group)
    all_handled(case, group)
    all_committed(case, group)


# --------------------------------------------------------------------------------- q3: what goes, and what is lost

q3 = lab.question("q3", "What goes, and what is lost", points=4, defines="Worker")


def rounds(every: int, deaths: int = 0):
    """A life of a member: its rounds, one after the other. No error comes out of them, so the first ends it all; with
    `deaths`, only the next one."""
    def start(actor, me):
        me.group.most_deaths = deaths
        me.worker = yield from actor.call("Worker", me.port, me.handle_port, every)
        while True:
            before = me.polls
            yield from actor.method(me.worker, "work")
            if me.polls == before:
                yield 1.0  # a round without a poll

    return start


def refusal_came_out(case: Case, group: Group) -> None:
    """An error out of the worker: a refused commit that nobody caught, or one of its own."""
    if not group.deaths:
        return
    node, error = group.deaths[0]
    if error.type == "EvlabError":
        case.blame("DIES_WHEN_REFUSED", f"a commit of {node} was refused, and the process died of it", *case.entries(),
                   *case.entries("note"))
    raise error


def done_by(group: Group, node: str, entry: int) -> list:
    return [one for one in group.handled if one.node == node and one.entry < entry]


@q3.check("one commit for `every` records, and it says all that is done", histories=4)
def one_for_many(case: Case):
    every = (2, 3, 3, 4)[turn(case, 4)]
    group = Group(case, rounds(every), keys_for(case, *((2, 0), (2, 1), (1, 4), (3, 2))[turn(case, 4)]), batch=2,
                  topic=("orders", "payments")[turn(case, 2)])
    group.join(A)
    group.later(6.0, keys_for(case, 2, 2, first=2))
    group.later(12.0, keys_for(case, 3, 2, first=3))
    group.run(20, settled=False)
    came_out(case, group)
    all_handled(case, group)
    since, told = 0, [one.entry for one in group.commits] + [one.entry for one in group.done]
    for one, other in pairwise(group.commits):
        if one.done == other.done and not set(one.offsets) & set(other.offsets):
            case.blame("TOO_OFTEN", f"`every` is {every}, and there were two commits with no record done between them: "
                                    "one dict can name several partitions", one.entry, other.entry)
    for commit in group.commits:
        done = done_by(group, A, commit.entry)
        for number, offset in commit.offsets.items():
            if offset - 1 > max((one.place[1] for one in done if one.place[0] == number), default=-1):
                case.blame("COMMITS_FIRST", f"partition {number} is committed up to {offset}, and "
                                            f"{said((number, offset - 1))} is not done yet", commit.entry, *told)
        if commit.done - since < every:
            case.blame("TOO_OFTEN", f"`every` is {every}, and {commit.done - since} records were done since the last "
                                    "commit", *told)
        if commit.done - since > every:
            break
        since = commit.done
        for number in {one.place[0] for one in done}:
            due = max(one.place[1] for one in done if one.place[0] == number) + 1
            known = [one.offsets[number] for one in group.commits if number in one.offsets
                     and one.entry <= commit.entry]
            if not known or known[-1] != due:
                near = known and known[-1] == due - 1 and number in commit.offsets
                case.blame("LAST_NOT_NEXT" if near else "MIXES_PARTITIONS",
                           f"{said((number, due - 1))} is done, and the group's place in partition {number} is "
                           f"{known[-1] if known else 'nowhere'}", commit.entry, *told)
    if len(group.handled) - since >= every:
        case.blame("TOO_SELDOM", f"`every` is {every}, {len(group.handled) - since} records are done since the last "
                                 "commit, and no other came" if not group.commits or commit.done - since < every else
                   f"`every` is {every}, and the next commit came after {commit.done - since} records", *told)


@q3.check("before partitions go, what is done of them is committed", histories=3)
def committed_before_they_go(case: Case):
    group = Group(case, rounds(9), keys_for(case, *((2, 2), (3, 1), (1, 3))[turn(case, 3)]), batch=2)
    group.join(A)
    group.join(B, 6.0)
    group.later(20.0, keys_for(case, 1, 1, first=2))
    group.run(26, settled=False)
    refusal_came_out(case, group)
    went = next((number for number in case.entries("note", node=A)
                 if case.history[number].what.startswith("`revoked` is called")), len(case.history))
    done = done_by(group, A, went)
    for number in (0, 1):
        due = max((one.place[1] + 1 for one in done if one.place[0] == number), default=0)
        last = [one for one in group.commits if one.node == A and one.revoking and number in one.offsets]
        if due and not last:
            again = [one.entry for one in group.handled if one.place[0] == number and one.entry > went]
            case.blame("NOTHING_AT_REVOKE", f"partition {number} goes, {due} of its records are done and not "
                                            f"committed: whoever has it next does them again", went,
                       *[one.entry for one in done], *again)
        if due and last[0].offsets[number] != due:
            case.blame("LAST_NOT_NEXT" if last[0].offsets[number] == due - 1 else "MIXES_PARTITIONS",
                       f"partition {number} goes, {said((number, due - 1))} is done, and "
                       f"{last[0].offsets[number]} is committed", last[0].entry, went)
    all_handled(case, group, once=False)


@q3.check("what has gone is forgotten, also when it comes back", histories=2)
def gone_is_forgotten(case: Case):
    def fill_up() -> None:
        pending = group.ends[1] - group.committed.get(1, 0)
        if pending:
            group.send(keys_for(case, 0, 3 - pending % 3, first=5))

    group = Group(case, rounds(3), keys_for(case, 0, 2), batch=4)
    group.join(A)
    group.join(B, 5.0)
    group.later(14.0, keys_for(case, 3, 3, first=2))
    if turn(case, 2):
        case.world.after(17.0, fill_up)  # B has to have committed all when it dies, or it is read again at once
        group.kill(B, 20.0)
        group.later(28.0, keys_for(case, 3, 0, first=3))
        group.later(34.0, keys_for(case, 0, 3, first=4))
    group.run(44, settled=False)
    highest: dict[int, tuple[int, int]] = {}
    for commit in group.commits:
        if not commit.taken and not commit.revoking:
            gone = " and ".join(f"orders-{number}" for number in sorted(commit.offsets))
            case.blame("COMMITS_WHAT_IS_GONE", f"a commit names {gone}, and {commit.node} no longer owns all of them: "
                                               "it is refused", commit.entry, *case.entries("note"))
        for number, offset in commit.offsets.items():
            if commit.taken and offset < highest.get(number, (0, 0))[0]:
                case.blame("GOES_BACK", f"partition {number} had come to {highest[number][0]}, then {commit.node} "
                                        f"committed {offset}, which it remembered from before", highest[number][1],
                           commit.entry, *case.entries("note"))
            if commit.taken:
                highest[number] = offset, commit.entry
    refusal_came_out(case, group)
    all_handled(case, group, once=False)


@q3.check("thrown out in the middle of a batch, it stops there, and comes back", histories=6)
def thrown_out(case: Case):
    form = turn(case, 3)
    every, place = (9, 2, 9)[form], (0, 1)
    group = Group(case, rounds(every), keys_for(case, 4, *[0] * (case.size > 0.4)), batch=4,
                  max_poll_interval=6.0 if form == 2 else 300.0)
    if form == 2:
        group.slow[place] = 12.0
    else:
        group.froze[place] = 12.0
    group.refused_often = lambda entries: case.blame(
        "RETRIES_REFUSED", f"the same commit was refused {len(entries)} times: it will not get better", *entries)
    group.join(A)
    group.join(B, 1.5 if case.size > 0.4 else 100.0)
    group.later(26.0, [keys_for(case, 2, first=2)[0], *[[]] * (len(group.ends) - 1)])
    group.run(50, settled=False)
    why = "its heartbeats had stopped" if form < 2 else "it had not polled for so long"
    for one in group.done:
        if not one.owned:
            case.blame("WORKS_AFTER_LOSS", f"{one.node} was out of the group, as {why}, and did {said(one.place)} all "
                                           "the same", one.entry, *case.entries("pause"), *case.entries("note"))
    refused = [one for one in group.commits if not one.taken]
    for one in refused:
        same = [other.entry for other in refused if other.node == one.node and other.offsets == one.offsets]
        if len(same) > 1:
            case.blame("RETRIES_REFUSED", f"the same commit was refused {len(same)} times: the first refusal should "
                                          "have been the end of it", *same, *case.entries("pause"),
                       *case.entries("note"))
    refusal_came_out(case, group)
    all_handled(case, group, once=False)


@q3.check("an error of the work comes out, and what failed is not committed", histories=2)
def work_fails(case: Case):
    bad = (0, 1 + turn(case, 2))
    group = Group(case, rounds(2, deaths=1), keys_for(case, 5), batch=3,
                  fails=lambda place, times: place == bad and not group.deaths)
    group.join(A)
    group.run(30)
    undone(case, group, bad, "work")


@q3.check("two workers know nothing of each other", histories=1)
def workers_apart(case: Case):
    keys, commits = keys_for(case, 2, 2), []

    def consumer(number: int) -> Port:
        records = [Port(f"record {said((number, offset))}", topic="orders", partition=number, offset=offset, key=key,
                        value="") for offset, key in enumerate(keys[number])]

        def commit(offsets: Any = None) -> None:
            named = {one[1]: at for one, at in offsets.items()} if isinstance(offsets, dict) else offsets
            what = " ".join(f"{one}@{at}" for one, at in named.items()) if isinstance(named, dict) else describe(named)
            commits.append((named, note(case, f"commits {what}", node=f"worker {number}")))

        return Port(f"consumer {number}", verbs={
            "poll": lambda *_, **__: [records.pop(0)] if records else [], "commit": commit,
            "assignment": lambda: [("orders", number)]})

    def handle(record: Any) -> None:
        note(case, f"handles {said((record.fields['partition'], record.fields['offset']))}",
             node=f"worker {record.fields['partition']}")

    workers = [case.call("Worker", consumer(number), Port("handle", handle), 2, node=A) for number in (0, 1)]
    for _ in range(2):
        for number, worker in enumerate(workers):
            before = len(commits)
            case.wait(worker.actor.method(worker, "work"), A)
            wrong = [(named, entry) for named, entry in commits[before:] if named != {number: 2}]
            if wrong:
                case.blame("SHARED", f"worker {number} has done 2 records of partition {number}, and its commit says "
                                     "something else", wrong[0][1], *case.entries("note"))
    if len(commits) != 2:
        case.blame("SHARED", f"each worker has done 2 records, `every` is 2, and there were {len(commits)} commits",
                   *case.entries("note"))


# ----------------------------------------------------------------------------------------------- q4: a poison record

q4 = lab.question("q4", "A record that never works", points=4, defines="run_past_poison")
ATTEMPTS = 3


def past(attempts: int):
    def start(actor, me):
        yield from actor.call("run_past_poison", me.port, me.handle_port, me.aside_port, attempts)

    return start


loop_past = past(ATTEMPTS)


def tries(case: Case, group: Group, place, attempts: int) -> None:
    """Blame too many attempts at one record by one life of a member."""
    runs = [one for one in group.done if one.place == place]
    if not case.entries("kill") and len(runs) > attempts:
        case.blame("TRIES_TOO_OFTEN", f"{said(place)} was tried {len(runs)} times, and `attempts` is {attempts}",
                   *[one.entry for one in runs])


def nothing_lost(case: Case, group: Group, hint: str, why: str) -> None:
    """Blame a record that is neither done nor set aside."""
    settled = {one.place for one in group.handled} | {place for _, place, _ in group.aside}
    committed = group.committed
    if group.ended and (left := [place for place in group.records if place not in settled]):
        case.blame("STOPS_WHEN_IDLE", f"`run_past_poison` has returned, and {said(left[0])} of "
                                      f"{group.records[left[0]].fields['key']} was still to come",
                   *case.entries("note"))
    for place, record in group.records.items():
        if place not in settled:
            passed = committed.get(place[0], 0) > place[1]
            entries = [*group.entries_of(place), *[one.entry for one in group.commits], *case.entries("note"),
                       *case.entries("kill")]
            if not passed:
                case.blame("BLOCKS", f"{said(place)} of {record.fields['key']} was never reached, or never settled: "
                                     f"the group stands at {committed.get(place[0], 0)}", *entries)
            case.blame(hint, f"{said(place)} of {record.fields['key']} {why}: it was neither done nor set aside, and "
                             f"{committed[place[0]]} is committed", *entries)


def settle(case: Case, group: Group, parked: set[str], bad: set) -> None:
    """What is the same in every history of this question: each record is done, or set aside for a reason."""
    first_aside: dict[str, list] = {}
    for entry, place, key in group.aside:
        if key not in parked:
            case.blame("PARKS_OTHERS", f"{said(place)} of {key} was set aside, and nothing was wrong with {key}", entry)
        if place not in (seen := first_aside.setdefault(key, [])):
            if seen and place < seen[-1]:
                case.blame("ASIDE_OUT_OF_ORDER", f"of {key}, {said(place)} was set aside behind {said(seen[-1])}",
                           entry)
            seen.append(place)
    for one in group.done:
        stone = next((entry for entry, place, key in group.aside if key == one.key and entry < one.entry), None)
        if stone is not None and one.place not in bad:
            case.blame("OVERTAKES" if not case.entries("kill") and one.node == A else "FORGETS_PARKED",
                       f"{one.key} is parked, and {said(one.place)} of it was handled: it has overtaken the one that "
                       "failed", stone, one.entry, *case.entries("kill"))


@q4.check("what fails at first and then works is done, and not set aside", histories=4)
def flaky_is_done(case: Case):
    keys = keys_for(case, 3)
    flaky, times = (0, case.random.randrange(3)), 1 + turn(case, 2)
    if case.size > 0.6:
        keys[0][2] = keys[0][0]
        flaky, times = (0, 0), 2  # and a later record of the same key has all its attempts, too
    group = Group(case, loop_past, keys, batch=3,
                  fails=lambda place, tried: (place == flaky or case.size > 0.6 and place == (0, 2)) and tried <= times)
    group.join(A)
    group.run(25)
    died = next((error for _, error in group.deaths), None)
    if died is not None and died.type != group.error.__name__:
        raise died
    if died is not None:
        case.blame("BLOCKS", f"{said(flaky)} failed once, and the error came out of `run_past_poison`",
                   *group.entries_of(flaky), *case.entries("note"))
    for entry, place, _ in group.aside:
        runs = [one.entry for one in group.done if one.place == place and one.entry < entry]
        case.blame("PARKS_TOO_EARLY", f"{said(place)} was set aside after {len(runs)} of {ATTEMPTS} attempts, and it "
                                      f"works at number {times + 1}", *runs, entry)
    nothing_lost(case, group, "SKIPS", "failed at first")
    all_handled(case, group)
    all_committed(case, group)


@q4.check("what never works is set aside after all its attempts, and the others go on", histories=5)
def poison_is_set_aside(case: Case):
    form, keys = turn(case, 5), keys_for(case, 3, 1)
    bad, attempts = (0, (0, 1, 2, 1, 0)[form]), (3, 3, 2, 4, 3)[form]
    flaky = (1, 0) if form == 4 else None  # at the same offset of another partition one fails once
    group = Group(case, past(attempts), keys, batch=(1, 4)[turn(case, 2)], topic=("orders", "payments")[turn(case, 2)],
                  fails=lambda place, tried: place == bad or place == flaky and tried == 1)
    group.error = TimeoutError if form == 1 else ValueError
    group.join(A)
    group.run(25)
    poison_came_out(case, group, bad)
    tries(case, group, bad, attempts)
    for entry, place, _ in group.aside:
        runs = group.entries_of(place)
        if place in (bad, flaky) and len(runs) < attempts:
            failed = [one.entry for one in group.done if not one.fine and one.entry < entry]
            case.blame("PARKS_TOO_EARLY", f"{said(place)} was set aside after {len(runs)} of {attempts} attempts",
                       *failed, entry)
    parked = [entry for entry, place, _ in group.aside if place == bad]
    runs = group.entries_of(bad)
    nothing_lost(case, group, "SKIPS", f"failed {len(runs)} times")
    if len(parked) > 1:
        case.blame("PARKS_TWICE", f"{said(bad)} was set aside {len(parked)} times, and nobody had crashed", *parked)
    settle(case, group, {keys[0][bad[1]]}, {bad})
    if group.committed.get(0, 0) == bad[1]:
        case.blame("UNCOMMITTED_ASIDE", f"{said(bad)} is safe aside, and the group still stands at it: the next "
                                        "process begins with it", *parked, *[one.entry for one in group.commits])
    all_committed(case, group)


def poison_came_out(case: Case, group: Group, bad) -> None:
    died = next((error for _, error in group.deaths), None)
    if died is None:
        return
    if died.type != group.error.__name__:
        raise died
    case.blame("BLOCKS", f"{said(bad)} never works, its {died.type} comes out, and each new process begins with it",
               *group.entries_of(bad), *case.entries("note"))


@q4.check("later records of that key are set aside behind it, and other keys are not", histories=3)
def key_is_parked(case: Case):
    keys = keys_for(case, 5, 2)
    first, later = ((0, 1), (0, 3), (1, 4))[turn(case, 3)]
    keys[0][later] = keys[0][first]
    group = Group(case, loop_past, keys, batch=(7, 7, 2)[turn(case, 3)], fails=lambda place, tried: place == (0, first))
    group.join(A)
    group.later(8.0, [[keys[0][first], *keys_for(case, 1, first=2)[0]], []])
    group.run(30)
    poison_came_out(case, group, (0, first))
    settle(case, group, {keys[0][first]}, {(0, first)})
    nothing_lost(case, group, "SKIPS", "came behind a parked one of its key")
    all_handled_or_aside(case, group)
    all_committed(case, group)


def all_handled_or_aside(case: Case, group: Group) -> None:
    done = [one.place for one in group.handled]
    for place in done:
        if done.count(place) > 1 and not case.entries("kill"):
            case.blame("HANDLED_TWICE", f"{said(place)} was handled {done.count(place)} times, and nobody had crashed",
                       *group.entries_of(place))


@q4.check("killed at any moment: nothing is lost, and what is parked stays parked", histories=28)
def killed_at_poison(case: Case):
    crash = 1 + case.world.seed % 1000
    keys = keys_for(case, 4)
    keys[0][2] = keys[0][0]
    group = Group(case, loop_past, keys, batch=2, crash_at=crash, fails=lambda place, tried: place == (0, 0))
    group.join(A)
    group.run(30)
    poison_came_out(case, group, (0, 0))
    settle(case, group, {keys[0][0]}, {(0, 0)})
    nothing_lost(case, group, "COMMITS_FIRST", "was committed, then the process was killed")
    all_committed(case, group)


@q4.check("who takes the partition over knows which keys are parked", histories=3)
def handed_over(case: Case):
    if turn(case, 3) == 2:
        parked_while_it_waits(case)
        return
    keys = keys_for(case, 1, 2)
    poison = [keys[0][0], keys[1][0]]
    group = Group(case, loop_past, [[], []], batch=3, fails=lambda place, tried: place in ((0, 0), (1, 0)))
    group.join(A)
    group.later(6.0, keys)
    if turn(case, 3):
        group.join(B, 0.0)
        group.kill(A, 14.0)
    else:
        group.join(B, 14.0)
    group.later(24.0, [[key] for key in poison])
    group.run(45)
    poison_came_out(case, group, (0, 0))
    newcomer_knows(case, group, ((0, 0), (1, 0)))


def parked_while_it_waits(case: Case):
    """B waits in its poll while A parks a key and hands the partition over: that poll gives the key's next record."""
    [keys] = keys_for(case, 3)
    group = Group(case, loop_past, [[], []], batch=3, fails=lambda place, tried: place == (1, 1), slow={(1, 0): 0.8})
    group.looks = 10
    group.join(A)
    group.later(6.0, [[], [*keys, keys[1]]])  # A hears of B at 7.0, parks a key at 7.4, polls at 7.5
    group.join(B, 6.8)  # it looks for parked keys, and polls; at 7.6 that poll gives 1@3
    group.run(30)
    poison_came_out(case, group, (1, 1))
    newcomer_knows(case, group, ((1, 1),))


def newcomer_knows(case: Case, group: Group, bad: tuple) -> None:
    """Blame a later record of a parked key that was handled by a member that does not know of it."""
    for one in group.done:
        stone = next((entry for entry, _, key in group.aside if key == one.key and entry < one.entry), None)
        if stone is not None and one.place not in bad:
            case.blame("NEWCOMER_FORGETS", f"{one.key} is parked, and {one.node}, which has its partition now, handled "
                                           f"{said(one.place)} of it", stone, one.entry, *case.entries("note"))
    nothing_lost(case, group, "SKIPS", "came behind a parked one of its key")


# ------------------------------------------------------------------------------------------- q5: nobody moves in vain

q5 = lab.question("q5", "Extra: nobody moves in vain", points=2, defines="stick")


def stuck(case: Case, count: int, names: list[str], owned: dict[str, list[int]]) -> dict[str, list[int]]:
    """The answer's shares, once each partition has one owner and each member is told."""
    note(case, f"{count} partitions; members {' '.join(names)}")
    for member, share in owned.items():
        note(case, f"{member} has {' '.join(map(str, share)) or 'nothing'}{'' if member in names else ', and is gone'}")
    got = case.wait(case.actor("group").call("stick", count, list(names), {m: list(s) for m, s in owned.items()}))
    if not isinstance(got, dict) or any(not isinstance(share, list | tuple | set | frozenset)
                                        for share in got.values()):
        case.blame("NO_SHARES", f"`stick` returned {describe(got)}, and no dict of lists", *case.entries("note"))
    for member, share in got.items():
        note(case, f"now {member}: {' '.join(map(str, sorted(share, key=repr))) or 'nothing'}")
    lines = case.entries("note")
    for member in names:
        if member not in got:
            case.blame("MEMBER_MISSING", f"{member} is not in the answer: nobody tells it what it has", *lines)
    for member, share in got.items():
        if member not in names and share:
            case.blame("GIVES_TO_THE_GONE", f"{member} is not in the group any more, and got partitions", *lines)
    given = [number for member in names for number in got[member]]
    for number in given:
        if not isinstance(number, int) or not 0 <= number < count:
            case.blame("NO_SHARES", f"there is no partition {describe(number)} of {count}", *lines)
        if given.count(number) > 1:
            case.blame("TWO_OWNERS", f"partition {number} has {given.count(number)} owners", *lines)
    for number in range(count):
        if number not in given:
            case.blame("NO_OWNER", f"nobody owns partition {number}", *lines)
    sizes = [len(got[member]) for member in names]
    if max(sizes) - min(sizes) > 1:
        case.blame("UNEVEN", f"one has {max(sizes)}, another {min(sizes)}: a difference of one is the most", *lines)
    return {member: sorted(got[member]) for member in names}


def kept(before: dict[str, list[int]], after: dict[str, list]) -> int:
    return sum(number in before.get(member, ()) for member, share in after.items() for number in share)


def compare_sticky(case: Case, count: int, names: list[str], owned: dict[str, list[int]],
                   hint: str = "MOVES_TOO_MUCH") -> None:
    got = stuck(case, count, names, owned)
    pairs = {member: [("orders", number) for number in share] for member, share in owned.items()}
    due = assign_sticky({"orders": count}, {member: ["orders"] for member in names}, pairs)
    most = kept(owned, {member: [number for _, number in share] for member, share in due.items()})
    if kept(owned, got) < most:
        case.blame(hint, f"{most} partitions could have stayed where they were, and {kept(owned, got)} did",
                   *case.entries("note"))


@q5.check("each partition has one owner, and no member has two more than another", histories=5)
def even(case: Case):
    form = turn(case, 5)
    names, count = people(case, (2, 3, 3, 4, 3)[form]), (4, 7, 6, 3, 8)[form]
    owned = {names[0]: list(range(count))} if form % 2 else {}
    if form == 4:  # the topic has grown: nobody had the last three
        owned = {names[0]: [0, 2], names[1]: [1, 4], names[2]: [3]}
    stuck(case, count, names, owned)


@q5.check("one comes: only what it needs moves", histories=3)
def one_comes(case: Case):
    names = people(case, 4)
    new = names.pop((0, 3, 1)[turn(case, 3)])
    count = (12, 6, 9)[turn(case, 3)]
    numbers = list(range(count))
    case.random.shuffle(numbers)
    compare_sticky(case, count, sorted([*names, new]), {name: sorted(numbers[at::3]) for at, name in enumerate(names)})


@q5.check("one goes: only what it had moves", histories=3)
def one_goes(case: Case):
    names = people(case, 4)
    gone = names[turn(case, 3)]
    count = (12, 9, 8)[turn(case, 3)]
    numbers = list(range(count))
    case.random.shuffle(numbers)
    owned = {name: sorted(numbers[at::4]) for at, name in enumerate(names)}
    compare_sticky(case, count, [name for name in names if name != gone], owned)


@q5.check("what is left over stays with those who have it", histories=3)
def left_over(case: Case):
    names = people(case, 3)
    sizes = ((2, 2, 3), (2, 3, 3), (1, 1, 2))[turn(case, 3)]
    numbers = list(range(sum(sizes)))
    case.random.shuffle(numbers)
    owned = {name: sorted(numbers.pop() for _ in range(size)) for name, size in zip(names, sizes, strict=True)}
    compare_sticky(case, sum(sizes), names, owned, "SEATS_BY_NAME")


@q5.check("a call knows nothing of the calls before it", histories=1)
def stuck_again(case: Case):
    names = people(case, 3)
    numbers = case.random.sample(range(6), 6)
    compare_sticky(case, 6, names, {name: sorted(numbers[at::3]) for at, name in enumerate(names)})
    moved = {name: sorted(numbers[at::3]) for at, name in enumerate([*names[1:], names[0]])}
    once_more(case, lambda: compare_sticky(case, 6, names, moved))
