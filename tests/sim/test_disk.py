"""A simulated disk: what was synced survives, the rest may be gone in pieces."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from evlab import World
from evlab.sim.disk import SECTOR, Disk

PIECES = st.lists(st.tuples(st.sampled_from(["append", "sync", "truncate"]), st.integers(0, 2000)), max_size=8)


def fill(size, salt=0):
    """Bytes that are never zero, so that a lost sector shows."""
    return bytes(1 + (i * 7 + salt) % 255 for i in range(size))


def written(*steps, seed=0, power=True):
    """A file after these steps and a crash: its content, and the disk."""
    disk = Disk()
    file = disk.mount(lambda: None).open("log")
    for step, argument in steps:
        getattr(file, step)(*([] if step == "sync" else [argument]))
    if power:
        disk.lose_power(random.Random(seed))
    return file.read(), disk


def test_what_was_synced_survives_every_power_loss():
    for seed in range(200):
        content, _ = written(("append", fill(1500)), ("sync", 0), ("append", fill(1500, 3)), seed=seed)
        assert content[:1500] == fill(1500)
        assert len(content) <= 3000


def test_without_a_power_loss_nothing_is_gone():
    content, _ = written(("append", fill(100)), power=False)
    assert content == fill(100)


def test_a_killed_process_loses_nothing_that_it_wrote_and_a_power_loss_may_take_all():
    kept = set()
    for seed in range(40):
        for power in (False, True):
            world = World(seed)
            file = world.files("email").open("log")
            file.append(b"not synced")
            world.listen("email", print)
            world.crash("email", power=power)
            kept.add((power, world.files("email").open("log").read()))
    assert {content for power, content in kept if not power} == {b"not synced"}
    lost = {content for power, content in kept if power}
    assert {b"", b"not synced"} <= lost and any(b"" < content < b"not synced" for content in lost), "torn as well"


def test_any_subset_of_unsynced_sectors_may_survive_with_zeros_in_the_gaps():
    patterns = set()
    for seed in range(400):
        content, _ = written(("append", fill(4 * SECTOR)), seed=seed)
        sectors = [content[start:start + SECTOR] for start in range(0, len(content), SECTOR)]
        for number, sector in enumerate(sectors):
            whole = fill(4 * SECTOR)[number * SECTOR:(number + 1) * SECTOR]
            torn = number == len(sectors) - 1 and whole.startswith(sector)
            assert sector in (whole, bytes(SECTOR)) or torn
        patterns.add(tuple(bool(sector.strip(b"\0")) for sector in sectors))
    assert {(), (True,), (False, True), (True, False, True), (True,) * 4, (False, False, False, True)} <= patterns


def test_an_unsynced_truncation_may_be_undone_and_a_synced_one_never():
    kept = {written(("append", b"0123456789"), ("sync", 0), ("truncate", 4), seed=seed)[0] for seed in range(50)}
    assert kept == {b"0123", b"0123456789"}
    kept = {written(("append", b"0123456789"), ("sync", 0), ("truncate", 4), ("sync", 0), seed=seed)[0]
            for seed in range(50)}
    assert kept == {b"0123"}


def test_what_replaces_a_truncated_tail_is_old_or_new_never_a_mix():
    kept = {written(("append", b"0123456789"), ("sync", 0), ("truncate", 4), ("append", b"abcdef"), seed=seed)[0]
            for seed in range(200)}
    assert {b"0123", b"0123456789", b"0123abcdef"} <= kept
    assert all(b"0123456789".startswith(content) or b"0123abcdef".startswith(content) for content in kept)


def test_after_a_power_loss_what_is_left_is_durable():
    for seed in range(50):
        content, disk = written(("append", fill(2000)), seed=seed)
        assert disk.lose_power(random.Random(seed + 1)) == 0
        assert disk.mount(lambda: None).open("log").read() == content


@given(PIECES, st.integers(0, 100))
def test_the_same_chance_loses_the_same(pieces, seed):
    def run():
        disk = Disk()
        file = disk.mount(lambda: None).open("log")
        for step, size in pieces:
            if step == "append":
                file.append(fill(size))
            elif step == "sync":
                file.sync()
            else:
                file.truncate(min(size, file.size()))
        lost = disk.lose_power(random.Random(seed))
        return lost, file.read()

    assert run() == run()


@given(st.integers(0, 2000), st.integers(0, 3000), st.integers(0, 1000))
def test_the_number_of_lost_bytes_is_what_is_missing_or_zero(synced, unsynced, seed):
    disk = Disk()
    file = disk.mount(lambda: None).open("log")
    file.append(fill(synced))
    file.sync()
    file.append(fill(unsynced, 5))
    whole = file.read()
    lost = disk.lose_power(random.Random(seed))
    content = file.read()
    assert lost == len(whole) - len(content) + content.count(0)


def test_each_file_of_a_disk_has_a_fate_of_its_own():
    fates = set()
    for seed in range(60):
        disk = Disk()
        for name in ("a", "b"):
            disk.mount(lambda: None).open(name).append(b"x")
        disk.lose_power(random.Random(seed))
        fates.add(tuple(disk.mount(lambda: None).open(name).read() for name in ("a", "b")))
    assert fates == {(b"", b""), (b"x", b""), (b"", b"x"), (b"x", b"x")}


def test_renaming_and_removing_are_durable_at_once():
    disk = Disk()
    files = disk.mount(lambda: None)
    files.open("new").append(b"content")
    files.open("new").sync()
    files.open("old")
    files.rename("new", "log")
    files.remove("old")
    disk.lose_power(random.Random(0))
    assert files.list() == ["log"] and files.open("log").read() == b"content"


def test_a_disk_counts_what_it_is_asked_to_do():
    _, disk = written(("append", b"a"), ("append", b"b"), ("sync", 0), power=False)
    assert (disk.writes, disk.syncs) == (2, 1)


def test_a_loss_stands_in_the_history_with_its_crash():
    for seed in range(20):
        world = World(seed)
        world.files("email").open("log").append(fill(3 * SECTOR))
        world.listen("email", print)
        world.crash("email")
        crash, *lost = [e for e in world.history if e.node == "email"]
        content = world.files("email").open("log").read()
        missing = 3 * SECTOR - len(content.replace(b"\0", b""))
        assert [(e.kind, e.value, e.cause) for e in lost] == ([("lost", missing, crash.number)] if missing else [])


def test_each_life_loses_power_in_its_own_way_and_each_seed_too():
    def contents(seed):
        world, left = World(seed), []
        world.listen("email", print)
        for _ in range(6):
            world.files("email").open("log").append(fill(2 * SECTOR))
            world.crash("email")
            left.append(len(world.files("email").open("log").read()))
            world.restart("email")
        return left

    assert contents(1) == contents(1)
    assert len({tuple(contents(seed)) for seed in range(10)}) > 5


def test_one_nodes_crash_leaves_another_nodes_disk_alone():
    for seed in range(20):
        world = World(seed)
        for node in ("email", "shop"):
            world.listen(node, print)
            world.files(node).open("log").append(b"x")
        world.crash("email")
        assert world.files("shop").open("log").read() == b"x"
