# After the first no it refuses everybody, also who asks for less.
# expect: lab10.q2 fails, hint=RESERVES_WRONG

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders, self.closed = free, {}, False

    def reserve(self, order, pieces):
        if order in self.orders:
            return "refused" if self.orders[order] is None else "done"
        if self.closed or pieces > self.free:
            self.closed = True
            self.orders[order] = None
            return "refused"
        self.free -= pieces
        self.orders[order] = pieces
        return "done"

    def release(self, order):
        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
