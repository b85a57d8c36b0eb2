# Remembers the undo of one order, the latest.
# expect: lab10.q2 fails, hint=RESERVE_AFTER

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders, self.undone = free, {}, None

    def reserve(self, order, pieces):
        if order == self.undone:
            return "refused"

        if order not in self.orders:
            self.orders[order] = pieces if pieces <= self.free else None
            self.free -= self.orders[order] or 0
        return "refused" if self.orders[order] is None else "done"

    def release(self, order):
        if self.orders.get(order, 0) is not None:
            self.free += self.orders.pop(order, None) or 0
        self.undone = order
        return "done"
