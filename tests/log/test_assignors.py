"""The assignors by their public names: Kafka's examples, and what must hold for every group."""

from __future__ import annotations

import itertools
from functools import partial
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.log.assignors import assign_range, assign_roundrobin, assign_sticky, cooperative_step

BOTH = {"C0": ["t0", "t1"], "C1": ["t0", "t1"]}
TWO_TOPICS = {"t0": 3, "t1": 3}


def sticky_from_nothing(partitions, subscriptions):
    return assign_sticky(partitions, subscriptions, {})


ASSIGNORS = [assign_range, assign_roundrobin, sticky_from_nothing]


def named(assignment):
    """{"C0": [("t0", 0)]} → {"C0": "t0p0"}, as Kafka's documentation writes it."""
    return {member: " ".join(f"{topic}p{number}" for topic, number in partitions)
            for member, partitions in assignment.items()}


def sizes(assignment):
    return [len(assignment[member]) for member in sorted(assignment)]


def kept(assignment, owned):
    return sum(len(set(assignment[member]) & set(owned.get(member, []))) for member in assignment)


# ------------------------------------------------------------------------------------------------ Kafka's examples


def test_range_gives_the_remainder_of_every_topic_to_the_first_member():
    assert named(assign_range(TWO_TOPICS, BOTH)) == {"C0": "t0p0 t0p1 t1p0 t1p1", "C1": "t0p2 t1p2"}


def test_roundrobin_deals_all_partitions_in_turn():
    assert named(assign_roundrobin(TWO_TOPICS, BOTH)) == {"C0": "t0p0 t0p2 t1p1", "C1": "t0p1 t1p0 t1p2"}


def test_range_cuts_consecutive_pieces_and_the_first_r_members_get_one_more():
    members = {f"m{i}": ["t"] for i in range(4)}
    assert named(assign_range({"t": 10}, members)) == {"m0": "tp0 tp1 tp2", "m1": "tp3 tp4 tp5", "m2": "tp6 tp7",
                                                       "m3": "tp8 tp9"}


def test_range_counts_for_each_topic_only_the_members_that_ask_for_it():
    given_ = assign_range({"t0": 2, "t1": 3}, {"a": ["t1"], "b": ["t0", "t1"], "c": ["t0"]})
    assert named(given_) == {"a": "t1p0 t1p1", "b": "t0p0 t1p2", "c": "t0p1"}


def test_roundrobin_passes_over_members_that_do_not_ask_for_the_topic():
    """The example in the documentation of Kafka's RoundRobinAssignor: unequal subscriptions, an uneven result."""
    subscriptions = {"C0": ["t0"], "C1": ["t0", "t1"], "C2": ["t0", "t1", "t2"]}
    dealt = assign_roundrobin({"t0": 1, "t1": 2, "t2": 3}, subscriptions)
    assert named(dealt) == {"C0": "t0p0", "C1": "t1p0", "C2": "t1p1 t2p0 t2p1 t2p2"}


def test_sticky_balances_where_roundrobin_does_not():
    """KIP-54's example: C1 has room for both partitions of t1."""
    subscriptions = {"C0": ["t0"], "C1": ["t0", "t1"], "C2": ["t0", "t1", "t2"]}
    found = sticky_from_nothing({"t0": 1, "t1": 2, "t2": 3}, subscriptions)
    assert named(found) == {"C0": "t0p0", "C1": "t1p0 t1p1", "C2": "t2p0 t2p1 t2p2"}


@pytest.mark.parametrize("assign", ASSIGNORS)
def test_more_members_than_partitions_leaves_some_idle(assign):
    assert sizes(assign({"t": 2}, {"a": ["t"], "b": ["t"], "c": ["t"]})) == [1, 1, 0]


@pytest.mark.parametrize("assign", ASSIGNORS)
def test_unknown_topics_are_ignored_and_everybody_is_in_the_answer(assign):
    assert assign({"t": 1, "lonely": 3}, {"a": ["gone"], "b": [], "c": ["t", "gone"]}) == {
        "a": [], "b": [], "c": [("t", 0)]}
    assert assign({"t": 0}, {"a": ["t"]}) == {"a": []}
    assert assign({"t": 3}, {}) == {}
    assert assign({}, {"a": ["t"]}) == {"a": []}


# ------------------------------------------------------------------------------------------------ sticky, by hand


def test_when_a_member_joins_the_owner_keeps_its_first_partitions():
    owned = {"a": [("t", number) for number in range(4)]}
    assert named(assign_sticky({"t": 4}, {"a": ["t"], "b": ["t"]}, owned)) == {"a": "tp0 tp1", "b": "tp2 tp3"}


def test_when_a_member_leaves_only_its_partitions_move():
    owned = {"a": [("t", 0), ("t", 3)], "b": [("t", 1), ("t", 4)], "c": [("t", 2), ("t", 5)]}
    after = assign_sticky({"t": 6}, {"a": ["t"], "c": ["t"]}, owned)
    assert named(after) == {"a": "tp0 tp1 tp3", "c": "tp2 tp4 tp5"}


def test_who_has_one_more_keeps_it():
    """Two of three must have two partitions. It is b and c that have them already, so nothing moves."""
    owned = {"a": [("t", 0)], "b": [("t", 1), ("t", 2)], "c": [("t", 3), ("t", 4)]}
    assert assign_sticky({"t": 5}, dict.fromkeys("abc", ["t"]), owned) == owned


def test_the_fullest_gives_first():
    """b has its share. Were it to give to c, it would then take from a, and three partitions move instead of two."""
    owned = {"a": [("t", number) for number in range(6)], "b": [("t", number) for number in range(6, 10)],
             "c": [("t", 10), ("t", 11)]}
    after = assign_sticky({"t": 12}, dict.fromkeys("abc", ["t"]), owned)
    assert sizes(after) == [4, 4, 4] and kept(after, owned) == 10


def test_topics_with_few_readers_are_placed_first():
    """u goes to c, then t to d, who is empty. Were t placed first, c would get it, u go to b, and d stay idle."""
    subscriptions = {"b": ["t", "u"], "c": ["t", "u"], "d": ["t"]}
    assert sizes(assign_sticky({"t": 1, "u": 2}, subscriptions, {"b": [("u", 1)]})) == [1, 1, 1]


def test_a_member_that_asks_for_a_topic_no_longer_loses_it():
    owned = {"a": [("t", 0), ("u", 0)], "b": []}
    assert assign_sticky({"t": 1, "u": 1}, {"a": ["t"], "b": ["t", "u"]}, owned) == {"a": [("t", 0)], "b": [("u", 0)]}


def test_claims_on_what_does_not_exist_count_for_nothing():
    owned = {"a": [("t", 7), ("gone", 0), ("t", 1)], "left": [("t", 0)]}
    assert assign_sticky({"t": 2}, {"a": ["t"], "b": ["t"]}, owned) == {"a": [("t", 1)], "b": [("t", 0)]}


def test_who_has_left_the_group_contests_nothing():
    owned = {"b": [("t", 0)], "left": [("t", 0), ("t", 1)]}
    after = assign_sticky({"t": 2}, {"a": ["t"], "b": ["t"]}, owned, {"left": 9})
    assert named(after) == {"a": "tp1", "b": "tp0"}


def test_of_two_claims_neither_is_believed():
    """b claims p0 and p1, a claims p1, too. Only p0 is beyond doubt; p1 goes where there is room."""
    owned = {"a": [("t", 1)], "b": [("t", 0), ("t", 1)]}
    assert named(assign_sticky({"t": 2}, {"a": ["t"], "b": ["t"]}, owned)) == {"a": "tp1", "b": "tp0"}
    assert named(assign_sticky({"t": 1}, {"a": ["t"], "b": ["t"]}, {"a": [("t", 0)], "b": [("t", 0)]},
                               {"a": 4, "b": 4})) == {"a": "tp0", "b": ""}


@pytest.mark.parametrize(("generations", "owner"), [({"a": 4, "b": 5}, "b"), ({"a": 5, "b": 4}, "a"), ({"b": 0}, "b")])
def test_of_two_claims_the_newer_generation_is_believed(generations, owner):
    claims = {"a": [("t", 0)], "b": [("t", 0)]}
    after = assign_sticky({"t": 1}, {"a": ["t"], "b": ["t"]}, claims, generations)
    assert after[owner] == [("t", 0)]


def test_two_equally_new_claims_are_not_decided_by_an_older_one():
    claims = {"a": [("t", 0)], "b": [("t", 0)], "c": [("t", 0)]}
    after = assign_sticky({"t": 1}, dict.fromkeys("abc", ["t"]), claims, {"a": 5, "b": 5, "c": 4})
    assert named(after) == {"a": "tp0", "b": "", "c": ""}  # the first by its id, as for any free partition


def test_with_unequal_subscriptions_a_partition_moves_while_that_makes_the_spread_smaller():
    """Only u can be given away, and b is the one to take it."""
    owned = {"a": [("t", 0), ("t", 1), ("u", 0), ("u", 1)]}
    after = assign_sticky({"t": 2, "u": 2}, {"a": ["t", "u"], "b": ["u"]}, owned)
    assert named(after) == {"a": "tp0 tp1", "b": "up0 up1"}


def test_what_nobody_had_moves_before_what_somebody_has():
    """d keeps t1 and u0; the one that c lacks comes from a, who has been given t0."""
    subscriptions = {"a": ["t", "u"], "b": ["u"], "c": ["t"], "d": ["t", "u"]}
    owned = {"d": [("t", 1), ("u", 0)]}
    after = assign_sticky({"t": 2, "u": 3}, subscriptions, owned)
    assert kept(after, owned) == 2 and sizes(after) == [1, 1, 1, 2]


# -------------------------------------------------------------------------------------------- for every small group

TOPICS, MEMBERS = ["t", "u", "v"], ["a", "b", "c", "d"]


def group_of(seed, equal=False):
    """partitions, subscriptions and any claims, also impossible ones. Made from a seed: ten times as fast as drawn."""
    chance = Random(seed)
    some = [*TOPICS, "gone"]
    partitions = {topic: chance.randint(0, 4) for topic in chance.sample(TOPICS, chance.randint(0, 3))}
    members = chance.sample(MEMBERS, chance.randint(1, 4))
    subscriptions = {member: chance.choices(some, k=chance.randint(0, 4)) for member in members}
    if equal or chance.random() < 0.3:
        subscriptions = dict.fromkeys(members, subscriptions[members[0]])
    owned = {member: [(chance.choice(some), chance.randint(0, 4)) for _ in range(chance.randint(0, 8))]
             for member in chance.sample([*MEMBERS, "left"], chance.randint(0, 5))}
    return partitions, subscriptions, owned


SEEDS = st.integers(0, 2**32)
GROUPS = SEEDS.map(group_of)


@given(GROUPS)
def test_every_partition_of_a_topic_that_is_asked_for_has_one_owner_who_asks_for_it(group):
    partitions, subscriptions, owned = group
    asked = {topic for topics in subscriptions.values() for topic in topics}
    wanted = sorted((topic, number) for topic, count in partitions.items() if topic in asked for number in range(count))
    for assignment in (assign_range(partitions, subscriptions), assign_roundrobin(partitions, subscriptions),
                       assign_sticky(partitions, subscriptions, owned)):
        assert sorted(itertools.chain(*assignment.values())) == wanted
        assert list(assignment) == sorted(subscriptions)
        for member, given_ in assignment.items():
            assert given_ == sorted(given_) and {topic for topic, _ in given_} <= set(subscriptions[member])


@given(SEEDS.map(partial(group_of, equal=True)))
def test_with_equal_subscriptions_sizes_differ_by_at_most_one(group):
    partitions, subscriptions, owned = group
    for assignment in (assign_roundrobin(partitions, subscriptions), assign_sticky(partitions, subscriptions, owned)):
        assert max(sizes(assignment)) - min(sizes(assignment)) <= 1
    for topic, count in partitions.items():  # range is balanced in each topic, though not over all
        alone = assign_range({topic: count}, subscriptions)
        assert max(sizes(alone)) - min(sizes(alone)) <= 1


@given(GROUPS)
def test_sticky_is_balanced_as_kip_54_defines_it(group):
    """Nobody with two partitions fewer could take one."""
    partitions, subscriptions, owned = group
    assignment = assign_sticky(partitions, subscriptions, owned)
    for giver, taker in itertools.permutations(assignment, 2):
        if len(assignment[giver]) - len(assignment[taker]) >= 2:
            assert not {topic for topic, _ in assignment[giver]} & set(subscriptions[taker])


CLAIMANTS = st.sampled_from([(), (0,), (0,), (1,), (2,), (3,), (0, 1)])  # of one partition; mostly not contested


@given(st.lists(CLAIMANTS, max_size=6), st.integers(1, 4))
@example([(0,), (0,), (0,), (0,), (1,), (1,)], 3)
def test_with_equal_subscriptions_no_balanced_assignment_keeps_more(claimants, count):
    """Against all ways to hand the partitions out, one after the other."""
    members, partitions = MEMBERS[:count], len(claimants)
    owned = {member: [("t", number) for number, who in enumerate(claimants) if i in who]
             for i, member in enumerate(members)}
    living = [[i for i in who if i < count] for who in claimants]
    owner = {number: who[0] for number, who in enumerate(living) if len(who) == 1}
    most = 0
    for given_ in itertools.product(range(count), repeat=partitions):
        counts = [given_.count(i) for i in range(count)]
        if max(counts) - min(counts) <= 1:
            most = max(most, sum(given_[number] == i for number, i in owner.items()))
    after = assign_sticky({"t": partitions}, dict.fromkeys(members, ["t"]), owned)
    assert sum(("t", number) in after[members[i]] for number, i in owner.items()) == most


@given(GROUPS)
def test_an_assignment_that_is_right_already_stays_as_it_is(group):
    partitions, subscriptions, owned = group
    once = assign_sticky(partitions, subscriptions, owned)
    assert assign_sticky(partitions, subscriptions, once) == once


@given(GROUPS, st.dictionaries(st.sampled_from(MEMBERS), st.integers(0, 2)), SEEDS)
def test_the_order_of_dicts_and_lists_does_not_matter(group, generations, seed):
    partitions, subscriptions, owned = group
    chance = Random(seed)

    def shuffled(dictionary):
        keys = list(dictionary)
        chance.shuffle(keys)
        return {key: chance.sample(value, len(value)) if isinstance(value := dictionary[key], list) else value
                for key in keys}

    other_partitions, other_subscriptions, other_owned = map(shuffled, group)
    assert assign_range(partitions, subscriptions) == assign_range(other_partitions, other_subscriptions)
    assert assign_roundrobin(partitions, subscriptions) == assign_roundrobin(other_partitions, other_subscriptions)
    assert (assign_sticky(partitions, subscriptions, owned, generations)
            == assign_sticky(other_partitions, other_subscriptions, other_owned, shuffled(generations)))
    target = assign_sticky(partitions, subscriptions, owned)
    assert cooperative_step(owned, target) == cooperative_step(other_owned, shuffled(target))


@given(GROUPS)
def test_the_input_is_left_alone(group):
    before = repr(group)
    partitions, subscriptions, owned = group
    target = assign_sticky(partitions, subscriptions, owned)
    cooperative_step(owned, target)["a"] = None
    assert repr(group) == before and None not in target.values()


# ----------------------------------------------------------------------------------------------------- cooperative


def test_a_moving_partition_is_given_to_nobody_until_its_owner_has_revoked_it():
    current = {"a": [("t", number) for number in range(4)], "b": []}
    target = assign_sticky({"t": 4}, dict.fromkeys("ab", ["t"]), current)
    first = cooperative_step(current, target)
    assert named(first) == {"a": "tp0 tp1", "b": ""}
    assert named(cooperative_step(first, target)) == {"a": "tp0 tp1", "b": "tp2 tp3"}


def test_a_partition_that_nobody_has_is_handed_out_at_once():
    current = {"a": [("t", 0)], "left": [("t", 1)]}
    assert cooperative_step(current, {"a": [("t", 0)], "b": [("t", 1)]}) == {"a": [("t", 0)], "b": [("t", 1)]}


def test_of_two_owners_both_revoke_before_one_of_them_gets_it():
    current, target = {"a": [("t", 0)], "b": [("t", 0)]}, {"a": [("t", 0)], "b": []}
    assert cooperative_step(current, target) == {"a": [], "b": []}


@given(GROUPS, GROUPS)
def test_two_rounds_reach_the_target_and_no_partition_ever_has_two_owners(before, after):
    """In each round every member first drops what it was not given, at any time; only then does it take what is new."""
    partitions, subscriptions, _ = before
    current = assign_roundrobin(partitions, subscriptions)
    target = assign_sticky(after[0], after[1], current)
    current = {member: current.get(member, []) for member in target}  # who left is gone
    steady = {member: set(current[member]) & set(target[member]) for member in target}
    for _ in range(2):
        handed = cooperative_step(current, target)
        for member, other in itertools.permutations(target, 2):
            new = set(handed[member]) - set(current[member])
            assert not new & (set(current[other]) | set(handed[other]))
            assert steady[member] <= set(handed[member])  # nobody stops on what it keeps
        current = handed
    assert current == target


# -------------------------------------------------------------------------------------------------------- bad input

BAD_GROUPS = [
    ({"t": -1}, {"a": ["t"]}), ({"t": 1.5}, {"a": ["t"]}), ({"t": True}, {"a": ["t"]}), ({"t": "3"}, {"a": ["t"]}),
    ({3: 1}, {"a": ["t"]}), ([("t", 1)], {"a": ["t"]}), (None, {"a": ["t"]}), ({"t": 1}, {7: ["t"]}),
    ({"t": 1}, {"": ["t"]}), ({"t": 1}, {"a": "t"}), ({"t": 1}, {"a": None}), ({"t": 1}, {"a": [1]}),
    ({"t": 1}, ["a"]),
]


@pytest.mark.parametrize("assign", ASSIGNORS)
@pytest.mark.parametrize(("partitions", "subscriptions"), BAD_GROUPS)
def test_a_group_of_another_form_is_refused(assign, partitions, subscriptions):
    with pytest.raises(InvalidUse):
        assign(partitions, subscriptions)


BAD_LISTS = [{"a": [("t", -1)]}, {"a": [("t", True)]}, {"a": [("t",)]}, {"a": [(0, "t")]}, {"a": ["t"]},
             {"a": [["t", 0]]}, {"a": "t"}, {3: []}, [], None]


@pytest.mark.parametrize("lists", BAD_LISTS)
def test_partitions_of_another_form_are_refused(lists):
    with pytest.raises(InvalidUse):
        assign_sticky({"t": 1}, {"a": ["t"]}, lists)
    with pytest.raises(InvalidUse):
        cooperative_step(lists, {"a": []})
    with pytest.raises(InvalidUse):
        cooperative_step({"a": []}, lists)


@pytest.mark.parametrize("generations", [{"a": -1}, {"a": "5"}, {1: 5}, [5]])
def test_generations_of_another_form_are_refused(generations):
    with pytest.raises(InvalidUse):
        assign_sticky({"t": 1}, {"a": ["t"]}, {}, generations)


def test_a_target_with_two_owners_is_refused_and_says_who():
    with pytest.raises(InvalidUse, match=r"\('t', 0\) is given to a and to b") as caught:
        cooperative_step({}, {"b": [("t", 0)], "a": [("t", 0)]})
    assert caught.value.partition == ("t", 0)


def test_the_error_names_the_member():
    with pytest.raises(InvalidUse, match="the member a asks for 'orders'") as caught:
        assign_range({"orders": 1}, {"a": "orders"})
    assert caught.value.member == "a"


@settings(max_examples=5)
@given(st.integers(2, 30))
def test_a_large_group_is_balanced_too(members):
    names = [f"m{number:02}" for number in range(members)]
    owned = {"m00": [("t", number) for number in range(200)]}
    after = assign_sticky({"t": 200}, dict.fromkeys(names, ["t"]), owned)
    assert max(sizes(after)) - min(sizes(after)) <= 1 and kept(after, owned) == -(-200 // members)
