"""Who reads which partition: Kafka's assignors, as pure functions on plain values.

In a consumer group every partition has exactly one owner, and an assignor says which. It is given the number of
partitions of each topic and the topics of each member, and answers with a list for each member. It keeps nothing and
asks nobody, so the same input gives the same answer on every machine, whatever the order of the dicts.

- `assign_range` (RangeAssignor) cuts each topic into consecutive pieces. Partition 0 of every topic has one owner.
- `assign_roundrobin` (RoundRobinAssignor) deals the partitions out one by one, like cards.
- `assign_sticky` (AbstractStickyAssignor) balances, and moves as little as it can.
- `cooperative_step` (CooperativeStickyAssignor) takes a partition from its owner before somebody else gets it.
"""

from __future__ import annotations

from collections.abc import Iterable

from evlab.errors import InvalidUse

__all__ = ["Assignment", "TopicPartition", "assign_range", "assign_roundrobin", "assign_sticky", "cooperative_step"]

TopicPartition = tuple[str, int]
"""A topic and the number of one of its partitions, from 0."""

Assignment = dict[str, list[TopicPartition]]
"""Member id → its partitions, sorted. Every member is in it, one that gets nothing with []."""


def assign_range(partitions: dict[str, int], subscriptions: dict[str, list[str]]) -> Assignment:
    """Cut each topic into one consecutive piece a member; the first members get the remainder (RangeAssignor).

    partitions: topic → how many partitions it has. subscriptions: member id → the topics that it asks for.
    A topic that does not exist is ignored. The remainder of EVERY topic goes to the same first members, so with many
    topics these carry more. In return, equal keys of two topics with equally many partitions meet at one member.
    Raises `InvalidUse` for input of another form.
    """
    _check_input(partitions, subscriptions)
    assignment: Assignment = {member: [] for member in sorted(subscriptions)}
    for topic in sorted(partitions):
        members = _subscribers(topic, subscriptions)
        if not members:
            continue
        share, remainder = divmod(partitions[topic], len(members))
        first = 0
        for place, member in enumerate(members):
            count = share + 1 if place < remainder else share
            assignment[member] += [(topic, number) for number in range(first, first + count)]
            first += count
    return assignment


def assign_roundrobin(partitions: dict[str, int], subscriptions: dict[str, list[str]]) -> Assignment:
    """Deal all partitions out in turn, passing over members that do not ask for the topic (RoundRobinAssignor).

    The arguments are those of `assign_range`. With equal subscriptions no member has two partitions more than
    another. With unequal ones it may: the turn goes round without a look at what each member has already.
    Raises `InvalidUse` for input of another form.
    """
    _check_input(partitions, subscriptions)
    members = sorted(subscriptions)
    assignment: Assignment = {member: [] for member in members}
    turn = 0
    for topic in sorted(partitions):
        if not _subscribers(topic, subscriptions):
            continue
        for number in range(partitions[topic]):
            while topic not in subscriptions[members[turn]]:
                turn = (turn + 1) % len(members)
            assignment[members[turn]].append((topic, number))
            turn = (turn + 1) % len(members)
    return assignment


# ------------------------------------------------------------------------------------------------------ sticky


def assign_sticky(partitions: dict[str, int], subscriptions: dict[str, list[str]],
                  owned: dict[str, list[TopicPartition]], generations: dict[str, int] | None = None) -> Assignment:
    """As balanced as can be; among such assignments, one that moves few partitions (AbstractStickyAssignor).

    owned: member id → the partitions that it has now, as it says itself. A claim counts for nothing if the member is
    not in `subscriptions`, no longer asks for the topic, or the partition does not exist.
    generations: member id → the group's generation in which it got them. If two members claim one partition, the
    newer generation is believed; with equal or unknown ones neither is.

    Balanced, by KIP-54: the sizes differ by at most one, or no member that has two or more partitions fewer than
    another could take one of that other's. For this
    1. every believed owner keeps what it has, and what nobody has goes to the member with the fewest;
    2. a partition moves from a fuller member to a less full one while that makes the difference smaller.
    With equal subscriptions no other balanced assignment keeps more partitions with their owners. With unequal ones
    each single move helps, but a chain of moves that helps only as a whole is not looked for, as in Kafka.
    Raises `InvalidUse` for input of another form.
    """
    _check_input(partitions, subscriptions)
    _check_lists("owned", owned)
    _check_generations(generations or {})
    board = _Board(partitions, subscriptions)
    claims = _believed({member: owned[member] for member in owned if member in subscriptions}, generations or {})
    for partition in board.partitions:
        if claims.get(partition) in board.askers[partition[0]]:
            board.give(partition, claims[partition])
    free = [partition for partition in board.partitions if partition not in board.owner]
    for topic, number in free:
        board.give((topic, number), board.emptiest(topic))
    board.level(free)  # what nobody had moves first: that costs nothing
    board.level(board.partitions)
    return board.assignment()


class _Board:
    """Who has what while an assignment is made.

    askers: topic → the members that ask for it, sorted. Topics with the fewest askers come first: the partitions of
    the others still have a choice when these are placed. What nobody asks for is left out.
    """

    def __init__(self, partitions: dict[str, int], subscriptions: dict[str, list[str]]):
        askers = {topic: _subscribers(topic, subscriptions) for topic in sorted(partitions)}
        topics = sorted((topic for topic in askers if askers[topic]), key=lambda topic: len(askers[topic]))
        self.askers = {topic: askers[topic] for topic in topics}
        self.partitions = [(topic, number) for topic in topics for number in range(partitions[topic])]
        self.owner: dict[TopicPartition, str] = {}
        self.load = dict.fromkeys(sorted(subscriptions), 0)

    def give(self, partition: TopicPartition, member: str) -> None:
        if partition in self.owner:
            self.load[self.owner[partition]] -= 1
        self.owner[partition] = member
        self.load[member] += 1

    def emptiest(self, topic: str) -> str:
        """Of those who ask for this topic, the one with the fewest partitions; of equals the first by its id."""
        return min(self.askers[topic], key=self.load.__getitem__)

    def level(self, movable: list[TopicPartition]) -> None:
        """Move one partition after the other until no move makes a difference smaller."""
        while (move := self._best_move(movable)) is not None:
            self.give(*move)

    def _best_move(self, movable: list[TopicPartition]) -> tuple[TopicPartition, str] | None:
        """A partition and its taker, where the difference is greatest. Of equals the last, so owners keep their first.

        The greatest matters: once the fullest has given, a member that looked too full may keep all that it has.
        """
        takers = {topic: self.emptiest(topic) for topic in self.askers}
        best, greatest = None, 2  # with a difference of 1, a move would only turn it round
        for partition in movable:
            taker = takers[partition[0]]
            difference = self.load[self.owner[partition]] - self.load[taker]
            if difference >= greatest:
                best, greatest = (partition, taker), difference
        return best

    def assignment(self) -> Assignment:
        lists: Assignment = {member: [] for member in self.load}
        for partition in sorted(self.owner):
            lists[self.owner[partition]].append(partition)
        return lists


def _believed(owned: dict[str, list[TopicPartition]], generations: dict[str, int]) -> dict[TopicPartition, str]:
    """Partition → the one member whose claim to it is newer than all others. No entry where two are equally new."""
    claims: dict[TopicPartition, list[tuple[int, str]]] = {}
    for member in owned:
        for topic, number in set(owned[member]):
            claims.setdefault((topic, number), []).append((generations.get(member, -1), member))
    believed = {}
    for partition in sorted(claims):
        newest = max(generation for generation, _ in claims[partition])
        members = [member for generation, member in claims[partition] if generation == newest]
        if len(members) == 1:
            believed[partition] = members[0]
    return believed


# ------------------------------------------------------------------------------------------------- cooperative


def cooperative_step(current: Assignment, target: Assignment) -> Assignment:
    """What this round of a cooperative rebalance hands out, on the way to `target` (CooperativeStickyAssignor).

    current: member id → what it owns now. target: what the assignor wants. A partition that somebody else still owns
    is given to nobody in this round: its owner revokes what the answer does not list, and the next round hands it
    over. So no partition has two owners at any moment, nobody stops on what it keeps, and two rounds reach the target.
    A member that is not in `target` has left the group, and what it had is free.
    Raises `InvalidUse` if the target gives a partition to two members, or for input of another form.
    """
    _check_lists("current", current)
    _check_lists("target", target)
    _check_one_owner(target)
    owners: dict[TopicPartition, set[str]] = {}
    for member in target:
        for partition in current.get(member, []):
            owners.setdefault(partition, set()).add(member)
    handed: Assignment = {}
    for member in sorted(target):
        handed[member] = sorted(p for p in target[member] if owners.get(p, set()) <= {member})
    return handed


# ------------------------------------------------------------------------------------------------------- input


def _subscribers(topic: str, subscriptions: dict[str, list[str]]) -> list[str]:
    return sorted(member for member in subscriptions if topic in subscriptions[member])


def _check_input(partitions: dict[str, int], subscriptions: dict[str, list[str]]) -> None:
    _check_dict("partitions", partitions)
    for topic, count in partitions.items():
        if not _is_number(count):
            raise InvalidUse(f"{topic} has {count!r:.60} partitions", topic=topic,
                             next_step='give a whole number of 0 or more, as in {"orders": 6}')
    _check_dict("subscriptions", subscriptions)
    for member, topics in subscriptions.items():
        if not _is_list(topics) or not all(isinstance(topic, str) for topic in topics):
            raise InvalidUse(f"the member {member} asks for {topics!r:.60}", why="that is no list of topics",
                             member=member, next_step='give a list of names, as in {"consumer-1": ["orders"]}')


def _check_lists(name: str, lists: Assignment) -> None:
    _check_dict(name, lists)
    for member, partitions in lists.items():
        if not _is_list(partitions) or not all(_is_partition(partition) for partition in partitions):
            raise InvalidUse(f"{name} says that {member} has {partitions!r:.60}", member=member,
                             why="that is no list of partitions",
                             next_step='give pairs of topic and number, as in [("orders", 0), ("orders", 1)]')


def _check_one_owner(assignment: Assignment) -> None:
    owner: dict[TopicPartition, str] = {}
    for member in sorted(assignment):
        for partition in assignment[member]:
            if partition in owner:
                raise InvalidUse(f"{partition} is given to {owner[partition]} and to {member}", partition=partition,
                                 why="one partition has one owner", next_step="take the target from an assignor")
            owner[partition] = member


def _check_generations(generations: dict[str, int]) -> None:
    _check_dict("generations", generations)
    for member, generation in generations.items():
        if not _is_number(generation):
            raise InvalidUse(f"the generation of {member} is {generation!r:.60}", member=member,
                             next_step="give a whole number of 0 or more, or leave the member out")


def _check_dict(name: str, given: dict) -> None:
    if not isinstance(given, dict):
        raise InvalidUse(f"{name}={given!r:.60} is no dict", next_step="give a dict by topic or by member id")
    for key in given:
        if not isinstance(key, str) or not key:
            raise InvalidUse(f"{name} has an entry for {key!r:.60}", why="topics and member ids are strings",
                             next_step='give non-empty strings, such as "orders" or "consumer-1"')


def _is_list(given: Iterable) -> bool:
    return isinstance(given, (list, tuple, set, frozenset))


def _is_partition(given: TopicPartition) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) and _is_number(given[1])


def _is_number(given: int) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and given >= 0
