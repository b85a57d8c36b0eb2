"""A hundred customers of a shop whose list of orders is late: the simulation behind the staleness playground.

They order, reload twice, and may not find what they were told is placed. Six cures decide what a page does about it.
Two runs with one seed meet the same customers and the same delays, so two cures are compared fairly.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from evlab.decider import Rejected
from evlab.errors import Timeout
from evlab.projection import Projection, Projector
from evlab.sim.history import Operation
from evlab.sim.world import World
from evlab.store import EventStore
from evlab.viz import Figure, timeline

__all__ = ["CURES", "CUSTOMERS", "ON_THE_WAY", "RELOADS", "Page", "Run", "Settings"]

CURES = {"accept": "accept: show what there is", "processing": "say \u201cprocessing\u201d",
         "optimistic": "optimistic UI", "polling": "polling", "position": "wait for the position",
         "sticky": "sticky copy"}
CUSTOMERS, SOLD_OUT = 100, 20
"""In a run; and every so many customers one wants what is out of stock."""
RELOADS = 2
PAUSE, POLLS = 0.1, 10
"""Between two polls, in seconds; and how many there are before the page gives up and says "processing"."""
PATIENCE = 1.0
"""How long a read waits for a position, in seconds."""
SLOW = 0.3
"""A page that takes longer, in seconds, counts as slow."""
ON_THE_WAY = 0.02
"""What the network adds, in seconds and on average, between the append and the read of a page."""


class Settings(NamedTuple):
    """What the learner has chosen; times in ms."""

    cure: str = "accept"
    rate: int = 1
    """Orders a second."""
    mean: int = 200
    spread: int = 100
    """The delay's standard deviation, in percent of its mean."""
    reload: int = 200
    copies: int = 1


class Page(NamedTuple):
    """What a customer saw when she reloaded."""

    shows: str
    """there, missing, processing, or gone: it was there at the reload before"""
    waited: float
    """Seconds from the reload to the page."""


@dataclass(frozen=True)
class Message:
    """What travels to the shop and to the copies; the timeline shows its text."""

    text: str
    key: str
    position: int = 0

    def __str__(self) -> str:
        return self.text


class Run:
    """A hundred customers, from the first click to the last page."""

    def __init__(self, seed: int, settings: Settings):
        self.settings, self.world = settings, World(seed)
        self.store = EventStore(env=self.world)
        self.names = [f"copy-{number}" for number in range(1, settings.copies + 1)]
        self.pages: dict[str, list[Page]] = {}
        """What each customer saw, by her node; of a refused order nothing."""
        self.taken_back: list[str] = []
        """The customers whose order was shown before the shop had answered, and then refused."""
        self.queries = self.stale = 0
        self._sold_out = {f"order-{number}" for number in range(SOLD_OUT, CUSTOMERS + 1, SOLD_OUT)}
        self._behind: dict[tuple[str, str], Operation] = {}
        self._copies = {name: self._follow(name) for name in self.names}
        self.world.listen("shop", self._place)
        self.world.spawn(self._arrive())
        self.world.run()

    def _follow(self, name: str) -> Projector:
        """A copy of the read model that catches up some time after each append."""
        orders = Projection("orders", "CREATE TABLE {orders} (key TEXT PRIMARY KEY)")

        @orders.on("OrderPlaced")
        def placed(view, recorded):
            view.execute("INSERT INTO {orders} VALUES (?)", (recorded.event.key,))
            self._behind.pop((name, recorded.event.key)).ok(recorded.event.key)

        copy = Projector(self.store, [orders])

        def late():
            chance = self.world.random(f"delay of {name}")
            while True:
                copy.catch_up()
                yield self.store.appended
                yield delay(chance, self.settings)

        self.world.spawn(late(), name)
        self.world.listen(name, lambda message: self._look_up(copy, message))
        return copy

    def _place(self, message: Message) -> str:
        if message.key in self._sold_out:
            raise Rejected("out of stock")
        event = self.world.event("OrderPlaced", source="shop", key=message.key)
        self.world.history.did(event.type, message.key)
        for name in self.names:
            self._behind[name, message.key] = self.world.history.invoke("catch up", message.key, node=name)
        return f"confirmed, position {self.store.append(message.key, event)[0].position}"

    def _look_up(self, copy: Projector, message: Message) -> Generator:
        if message.position:
            try:
                yield copy.wait_for(message.position, PATIENCE)
            except Timeout:
                return "not yet"
        found = copy.view("orders").value("SELECT count(*) FROM {orders} WHERE key = ?", (message.key,))
        return message.key if found else f"no {message.key}"

    def _arrive(self) -> Generator:
        for number in range(1, CUSTOMERS + 1):
            self.world.spawn(self._customer(number), f"customer-{number}")
            yield round(self.world.random("arrivals").expovariate(self.settings.rate), 4)

    def _customer(self, number: int) -> Generator:
        key, me = f"order-{number}", f"customer-{number}"
        placing, early = self.world.history.invoke("place", key), self.settings.cure == "optimistic"
        if early:
            self.world.note(f"shows {key}")
        try:
            answer = yield self.world.ask("shop", Message(f"place {key}", key))
        except Rejected as error:
            placing.fail(error.what)
            if early:
                self.taken_back.append(me)
                self.world.note(f"takes {key} back")
            return
        placing.ok("confirmed")
        position, pages = int(answer.split()[-1]), self.pages.setdefault(me, [])
        for _ in range(RELOADS):
            yield self.settings.reload / 1000
            yield from self._reload(number, key, position, pages)

    def _reload(self, number: int, key: str, position: int, pages: list[Page]) -> Generator:
        began, loading = self.world.now(), self.world.history.invoke("reload")
        shows = yield from self._page(number, key, position)
        gone = shows != "there" and any(page.shows == "there" for page in pages)
        pages.append(Page("gone" if gone else shows, self.world.now() - began))
        if gone:
            loading.fail(f"{key} is gone" if shows == "missing" else "processing, again")
        elif shows == "missing":
            loading.fail(f"no {key}")
        else:
            (loading.ok if shows == "there" else loading.info)(key if shows == "there" else shows)

    def _page(self, number: int, key: str, position: int) -> Generator:
        """What the page shows under the cure that was chosen: there, missing or processing."""
        cure = self.settings.cure
        for attempt in range(POLLS if cure == "polling" else 1):
            if attempt:
                yield PAUSE
            answer = yield from self._read(number, key, position if cure == "position" else 0)
            if answer == key:
                return "there"
        if cure == "optimistic":
            return "there"  # the page knows what it has sent
        return "missing" if cure in ("accept", "sticky") else "processing"

    def _read(self, number: int, key: str, position: int) -> Generator:
        """Ask one copy: a random one, or always the same if they are sticky."""
        sticky = self.settings.cure == "sticky"
        name = self.names[number % len(self.names)] if sticky else self.world.random("balancer").choice(self.names)
        text = f"orders, up to {position}" if position else "orders"
        answer = yield self.world.ask(name, Message(text, key, position), timeout=2 * PATIENCE)
        self.queries += 1
        self.stale += answer == f"no {key}"
        return answer

    # --------------------------------------------------------------------------------------------- what came of it

    def count(self, *kinds: str) -> int:
        """How many pages show one of these."""
        return sum(page.shows in kinds for pages in self.pages.values() for page in pages)

    @property
    def wrong(self) -> int:
        """Pages that deny a confirmed order or forget one that was shown, and orders that were taken back."""
        return self.count("missing", "gone") + len(self.taken_back)

    @property
    def slow(self) -> int:
        """Pages that came after more than `SLOW` seconds."""
        return sum(page.waited > SLOW for pages in self.pages.values() for page in pages)

    @property
    def first_stale(self) -> int:
        """First reloads that did not show the order."""
        return sum(pages[0].shows != "there" for pages in self.pages.values())

    def row(self) -> list[Any]:
        """Its settings and counts, as the table shows them."""
        one = self.settings
        return [CURES[one.cure].split(":")[0], f"{one.mean} ± {one.spread}\u00a0%".replace(" ", "\u00a0"),
                f"{one.reload}\u00a0ms", one.rate, one.copies,
                self.queries, self.stale, self.wrong, self.slow]

    def someone(self) -> str:
        """The customer to look at: one whose page was wrong, or slow, or says "processing"; else the first."""
        if self.taken_back:
            return self.taken_back[0]
        for strange in (lambda page: page.shows == "gone", lambda page: page.shows == "missing",
                        lambda page: page.waited > SLOW, lambda page: page.shows == "processing"):
            for name, pages in self.pages.items():
                if any(map(strange, pages)):
                    return name
        return next(iter(self.pages))

    def picture(self) -> Figure:
        """The timeline of that customer."""
        me = self.someone()
        key = me.replace("customer", "order")
        mine = [entry.number for entry in self.world.history if me in (entry.node, entry.peer) or entry.value == key]
        roles = {me: "producer", "shop": "store"} | dict.fromkeys(self.names, "view")
        return timeline(self.world.history, title=self._finding(me, key), only=mine, roles=roles, behind=["catch up"])

    def _finding(self, me: str, key: str) -> str:
        if me in self.taken_back:
            return f"{me} saw {key} at once, and then it was taken back"
        shows, waited = [page.shows for page in self.pages[me]], max(page.waited for page in self.pages[me])
        if "gone" in shows:
            return f"{me} saw {key}, and at the next reload it was gone"
        if "missing" in shows:
            return f"{me} was told that {key} is placed, and does not find it"
        if waited > SLOW:
            return f"{me} waited {waited * 1000:.0f} ms for a page"
        if "processing" in shows:
            return f"{me} reads \u201cprocessing\u201d: nothing is shown, nothing is denied"
        return f"{me} finds {key} each time"


def delay(chance: Random, settings: Settings) -> float:
    """Seconds that a copy is behind this time: gamma-distributed, which at a spread of 100 % is exponential."""
    mean, spread = settings.mean / 1000, settings.spread / 100
    if not (mean and spread):
        return mean
    return round(chance.gammavariate(1 / spread**2, mean * spread**2), 4)
