"""LOG-4 with transactions, over many seeds: each order is paid exactly once, whatever fails."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from cluster_world import SESSION, quiet_collector
from till_world import Tills

from evlab.log.coordinator import Coordinator
from evlab.log.partition import Partition
from evlab.log.producers import InvalidProducerEpoch, ProducerState
from evlab.log.replica import Replica
from evlab.log.transactional import Transactional
from evlab.log.transactions import TransactionCoordinator

SEEDS = 100  # as many as fit into 10 s, at 95 ms each


def test_each_order_is_paid_exactly_once_whatever_fails(storm_seeds, measured):
    """LOG-4, GROUP-1: a shop, a bank whose transactions are committed or aborted, two tills that read orders and write
    payments with their offsets in one transaction, a third that takes the name of the first, and an audit; brokers,
    coordinators and clients crash, messages are lost, doubled and late.

    No aborted record is seen, no committed one is lost, a transaction is there as a whole or not at all, each order has
    one payment; the copies are equal; and within four session timeouts of the last fault no transaction is open, and
    all is read.
    """
    reached, slowest, seeds = Counter(), 0.0, storm_seeds("tills", SEEDS, 100_000)
    with quiet_collector():
        for seed in seeds:
            run = Tills(seed).go()
            found = run.anomalies()
            assert not found, f"seed {seed} ({len(run.names)} brokers, {run.assignor}): {found}"
            slowest = max(slowest, run.rested)
            reached.update({name: true for name, true in run.rare().items() if true})
    table = "\n".join(f"{reached[name]:6} of {len(seeds)} seeds: {name}" for name in run.rare())
    print(table)
    assert all(reached[name] for name in run.rare()), f"SIM-2: never reached:\n{table}"
    measured(f"LOG-4 with transactions: {len(seeds):,} seeds; the slowest cluster was at rest {slowest:.1f} s after "
             f"the faults, of {4 * SESSION:.0f} s allowed")


def test_without_faults_no_transaction_is_done_twice():
    for seed in range(8):
        run = Tills(seed, None).go()
        assert run.anomalies() == []
        assert not any(end == "unknown" for _, end in run.deal)


# ------------------------------------------------------------------------------------- the checks see planted bugs


def the_end_raises_no_epoch(patch):
    patch.setattr(TransactionCoordinator, "_decided",
                  lambda self, state, how: msgspec.structs.replace(state, status=how, ended=how))
    patch.setattr(ProducerState, "epoch_of", lambda *_: -1)


def aborted_records_are_read(patch):
    patch.setattr("evlab.log.reader._is_aborted", lambda *_: False)


def open_records_are_read(patch):
    patch.setattr(Replica, "last_stable", property(lambda self: self.high_watermark))


def aborted_offsets_count(patch):
    real = Coordinator.transaction_ended
    patch.setattr(Coordinator, "transaction_ended", lambda self, producer_id, commit: real(self, producer_id, True))


def offsets_are_no_part_of_it(patch):
    patch.setattr(Transactional, "send_offsets", lambda self, consumer, offsets=None: consumer.commit(offsets))


def nobody_is_fenced(patch):
    real = ProducerState.duplicate

    def duplicate(self, header, after=None):
        return None if header.producer_epoch < self.epoch_of(header.producer_id) else real(self, header, after)

    def known(self, request):
        self._check_active()
        if request.transactional_id not in self.states:
            raise InvalidProducerEpoch("unknown")
        return self.states[request.transactional_id]

    patch.setattr(ProducerState, "duplicate", duplicate)
    patch.setattr(TransactionCoordinator, "_known", known)


def open_transactions_are_forgotten_at_a_restart(patch):
    real = Partition._remember

    def remember(self):
        real(self)
        self.producers.open = {}

    patch.setattr(Partition, "_remember", remember)


def partitions_are_not_announced(patch):
    def add(self, partition):
        self._added.add(partition)
        yield from ()

    patch.setattr(Transactional, "_add", add)


@pytest.mark.parametrize("bug", [
    the_end_raises_no_epoch, aborted_records_are_read, open_records_are_read, aborted_offsets_count,
    offsets_are_no_part_of_it, nobody_is_fenced, open_transactions_are_forgotten_at_a_restart,
    partitions_are_not_announced,
])
def test_a_planted_bug_is_seen(bug):
    """LOG-4: the checks above would find it."""
    for seed in range(60):
        with pytest.MonkeyPatch.context() as patch:
            bug(patch)
            if Tills(seed).go().anomalies():
                return
    pytest.fail("no seed shows it")
