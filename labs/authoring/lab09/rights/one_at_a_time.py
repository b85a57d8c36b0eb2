# Asks what has changed, forgets now and then, writes both events at once, and takes one row at a time.

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        db.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?)", [consumer, event.id])
        if db.execute("SELECT changes()") == [[1]]:
            effect()

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock
        self.swept = None

    def once(self, event, effect):
        with transaction(self.db):
            now = self.clock()
            seen = self.db.execute("SELECT at FROM seen WHERE consumer = ? AND id = ?", [self.consumer, event.id])
            if seen and now - seen[0][0] <= self.keep:
                return
            effect()
            self.db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", [self.consumer, event.id, now])
            if self.swept is None or now - self.swept > self.keep / 10:
                self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
                self.swept = now

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(events[0].caused("VoucherUsed", {"voucher": voucher}, key=order, source="shop"))
    with transaction(db):
        db.execute("INSERT INTO outbox (event) VALUES " + ", ".join("(?)" for _ in events),
                   [event.to_json().decode() for event in events])
        db.execute("INSERT INTO orders (voucher, id) VALUES (?, ?)", (voucher, order))

# answer: lab09.q4
from evlab import Event, EvlabError


def publish(bus, event, attempts):
    try:
        bus.publish(event)
    except EvlabError:
        if attempts <= 1:
            raise
        publish(bus, event, attempts - 1)


def relay(db, bus, attempts):
    while rows := db.execute("SELECT * FROM outbox ORDER BY number LIMIT 1"):
        [[number, text]] = rows
        publish(bus, Event.from_json(text), attempts)
        with transaction(db):
            db.execute("DELETE FROM outbox WHERE number <= ?", [number])
