# Remembers the pieces of a refused reserve, and gives them back.
# expect: lab10.q2 fails, hint=RELEASES_REFUSED

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders, self.said = free, {}, {}

    def reserve(self, order, pieces):
        if order not in self.orders:
            self.orders[order] = pieces
            self.said[order] = "done" if pieces <= self.free else "refused"
            if pieces <= self.free:
                self.free -= pieces
        return self.said[order]

    def release(self, order):
        self.free += self.orders.get(order, 0)
        self.orders[order] = 0
        self.said[order] = "refused"
        return "done"
