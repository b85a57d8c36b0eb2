# Takes the order out of the table, and with it the memory of the undo.
# expect: lab10.q2 fails, hint=COPY_AFTER_RELEASE

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders = free, {}

    def reserve(self, order, pieces):
        if order not in self.orders:
            self.orders[order] = pieces if pieces <= self.free else None
            self.free -= self.orders[order] or 0
        return "refused" if self.orders[order] is None else "done"

    def release(self, order):
        self.free += self.orders.pop(order, None) or 0
        return "done"
