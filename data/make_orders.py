"""Make orders.jsonl: one week of an invented online shop, the same bytes on every machine.

    python data/make_orders.py            writes orders.jsonl beside this file
    python data/make_orders.py --check    writes nothing; exit code 1 if the file differs, 2 if it cannot be read

Why the bytes never change: every choice comes from `random.Random.random()`, the one method whose sequence Python
keeps from version to version; each order draws from a stream of its own, so a new draw in one never shifts another;
money is whole cents; nothing iterates over a set. The names, addresses and products are invented.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import sys
import unicodedata
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import accumulate, zip_longest

__all__ = ["Draw", "make_orders", "render"]

SEED = 1042
FILE = pathlib.Path(__file__).with_name("orders.jsonl")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)  # a Monday: the moment that evlab's World calls 0
WEEK = 7 * 24 * 3600  # seconds
ORDERS = 1_831  # spread over the week; the flash sale and the orders placed twice come on top
CUSTOMERS = 990
FREE_SHIPPING = 7_500  # cents of goods after the discount

FLASH_SKU, FLASH_CODE, FLASH_ORDERS = "AUD-01", "FLASH30", 160
FLASH_START = datetime(2026, 1, 9, 18, tzinfo=UTC)  # Friday, 19:00 in Berlin
FLASH_SECONDS = 12 * 60
TWICE = 9  # orders sent a second time by an impatient click, cancelled later

BUSINESS, BUSINESS_SHARE = "c-7", 54  # of 1,000 orders placed between 05:00 and 20:00 UTC
REGULARS = {"c-13": 13, "c-58": 11, "c-101": 9, "c-230": 8, "c-404": 7}  # weights; an ordinary customer has 1

# sku, name, price in cents, how often it is bought
CATALOGUE = [
    ("COF-01", "Espresso beans 1 kg", 1890, 30), ("COF-02", "Filter coffee 500 g", 990, 26),
    ("COF-03", "Decaf beans 500 g", 1090, 9), ("TEA-01", "Green tea 100 g", 750, 14),
    ("TEA-02", "Earl Grey 100 g", 690, 15), ("TEA-03", "Rooibos 200 g", 840, 8),
    ("CUP-01", "Stoneware mug", 980, 24), ("CUP-02", "Espresso cups, set of 4", 2200, 9),
    ("CUP-03", "Travel cup", 2450, 12), ("KIT-01", "Coffee dripper", 1750, 11),
    ("KIT-02", "Paper filters, 100", 390, 22), ("KIT-03", "Hand grinder", 5900, 6),
    ("KIT-04", "Teapot 1 l", 3400, 7), ("KIT-05", "Gooseneck kettle", 6900, 6),
    ("KIT-06", "Milk frother", 1990, 8), ("KIT-07", "Kitchen scale", 2990, 6),
    ("KIT-08", "French press", 3250, 8), ("KIT-09", "Chef's knife", 4900, 5),
    ("KIT-10", "Cutting board", 2600, 6), ("KIT-11", "Tea towels, set of 2", 1290, 11),
    ("KIT-12", "Storage jar", 890, 13), ("KIT-13", "Bread tin", 1540, 5),
    ("KIT-14", "Cast-iron pan", 5400, 5), ("HOM-01", "Wool blanket", 7900, 6),
    ("HOM-02", "Candle", 1150, 17), ("HOM-03", "Linen cushion", 2790, 7),
    ("HOM-04", "Desk lamp", 6400, 5), ("HOM-05", "Plant pot", 1420, 9),
    ("HOM-06", "Wall clock", 3800, 4), ("HOM-07", "Bath towel", 2190, 9),
    ("HOM-08", "Door mat", 2400, 4), ("HOM-09", "Umbrella", 2900, 8),
    ("OFF-01", "Fountain pen", 2800, 6), ("OFF-02", "Ink bottle 30 ml", 850, 7),
    ("OFF-03", "Sketchbook A5", 1240, 10), ("OFF-04", "Pencils, set of 12", 920, 9),
    ("OFF-05", "Desk organiser", 2300, 4), ("OFF-06", "Backpack 20 l", 7400, 4),
    ("AUD-01", "Bluetooth speaker", 8900, 4), ("AUD-02", "Headphones", 12900, 3),
]
PRODUCTS = {sku: (name, cents) for sku, name, cents, _ in CATALOGUE}
SUPPLIES = ["COF-01", "COF-02", "KIT-02", "TEA-02", "TEA-01", "HOM-07", "KIT-11", "CUP-01"]  # what a hotel reorders

# country, weight, cities, the names that most of its customers have
COUNTRIES = [
    ("DE", 34, ["Berlin", "Hamburg", "Leipzig", "Köln", "München"], "german"),
    ("FR", 12, ["Lyon", "Nantes", "Lille", "Paris"], "french"),
    ("NL", 9, ["Utrecht", "Groningen", "Rotterdam"], "dutch"),
    ("PL", 8, ["Kraków", "Gdańsk", "Poznań"], "polish"),
    ("SE", 6, ["Malmö", "Göteborg", "Uppsala"], "swedish"),
    ("ES", 6, ["Sevilla", "Valencia", "Bilbao"], "spanish"),
    ("IT", 6, ["Torino", "Bologna", "Bari"], "italian"),
    ("PT", 4, ["Porto", "Braga", "Lisboa"], "portuguese"),
    ("IE", 3, ["Cork", "Galway", "Dublin"], "irish"),
    ("GB", 5, ["Leeds", "Bristol", "Cardiff"], "english"),
    ("US", 3, ["Boston", "Portland", "Austin"], "english"),
    ("TR", 2, ["İzmir", "Ankara"], "turkish"),
    ("NG", 1, ["Lagos", "Abuja"], "nigerian"),
    ("IN", 1, ["Pune", "Chennai"], "indian"),
]
HOME, EU = "DE", ["DE", "FR", "NL", "PL", "SE", "ES", "IT", "PT", "IE"]

NAMES = {  # given names, family names
    "german": ("Anna Jonas Miriam Felix Greta Lukas Hannah Till Katrin Stefan Ida Moritz Clara Jan Paula Emil Frieda "
               "Henrik Lena Oskar Ute Werner Nele Matthias",
               "Weber Krüger Hartmann Vogel Lehmann Schäfer Brandt Winkler Seidel Groß Pohl Kaiser Albrecht Busch "
               "Dietrich Engel Fuchs Haas Jansen Kern Lorenz Maurer Peters Römer"),
    "french": ("Camille Hugo Inès Théo Élodie Luc Margaux Rémi Chloé Antoine Lucie Baptiste",
               "Moreau Lefèvre Garnier Rousseau Chevalier Fontaine Perrin Marchand Giraud Colin Renaud Barbier"),
    "dutch": ("Sanne Daan Fleur Bram Lotte Thijs Maartje Ruben Femke Joris Noor Wouter",
              "de Vries,van den Berg,Bakker,Visser,Smit,Mulder,Dekker,Kuiper,van Dijk,Postma,Hoekstra,Vos"),
    "polish": ("Zofia Jakub Hanna Mateusz Maja Piotr Oliwia Tomasz Agnieszka Paweł Ewa Michał",
               "Nowak Wójcik Kamińska Mazur Zając Król Wilk Dudek Pawlak Sikora Żak Baran"),
    "swedish": ("Elsa Axel Maja Nils Saga Oskar Ebba Erik Linnéa Viktor Astrid Gustav",
                "Lindqvist Åberg Sjöström Nyström Holm Ekman Sandberg Björk Hedlund Norén Wallin Dahl"),
    "spanish": ("Lucía Álvaro Carmen Diego Marta Pablo Nuria Javier Rocío Sergio Elena Iván",
                "García Ruiz,Ortega,Navarro,Serrano,Molina,Castillo,Iglesias,Núñez,Vidal,Campos,Peña,Rivas"),
    "italian": ("Giulia Marco Chiara Davide Elisa Matteo Sofia Lorenzo Alessia Paolo Irene Nicolò",
                "Ricci Marino Gallo Conti Esposito Ferrara Lombardi Rinaldi Caruso Leone Longo Villa"),
    "portuguese": ("Inês Tiago Beatriz Rui Mariana João Leonor Duarte Catarina Nuno Joana Gonçalo",
                   "Almeida Carvalho Teixeira Moreira Pinto Fonseca Cardoso Azevedo Barros Nogueira Lopes Faria"),
    "irish": ("Aoife Conor Niamh Cian Saoirse Declan Orla Fionn Ciara Eoin Maeve Brendan",
              "O'Brien Murphy Byrne Doyle Kavanagh Nolan O'Connor Quinn Brennan Daly Keane Walsh"),
    "english": ("Grace Oliver Ruby Thomas Alice Harry Naomi George Eleanor Marcus Joyce Walter",
                "Bennett Clarke Foster Hughes Marsh Palmer Reid Shaw Turner Whitfield Barlow Nash"),
    "turkish": ("Elif Emre Zeynep Kerem Ayşe Mert Selin Ozan Derya Burak Defne Can",
                "Yılmaz Kaya Demir Şahin Çelik Aydın Arslan Doğan Koç Öztürk Aksoy Polat"),
    "nigerian": ("Adaeze Chidi Ngozi Emeka Folake Tunde Amara Segun Ifeoma Obinna Yetunde Kelechi",
                 "Okafor Adeyemi Eze Balogun Nwosu Ogunleye Obi Adebayo Uche Bello Okoye Lawal"),
    "indian": ("Priya Arjun Ananya Rohan Kavya Vikram Meera Rahul Divya Sanjay Nisha Karthik",
               "Sharma Iyer Patel Nair Reddy Mehta Kulkarni Menon Gupta Rao Banerjee Pillai"),
    "vietnamese": ("Linh Minh Thảo Quân Hương Tuấn Mai Dũng Lan Khoa Ngọc Phúc",
                   "Nguyễn Trần Lê Phạm Hoàng Vũ Đặng Bùi Đỗ Hồ Ngô Dương"),
    "arabic": ("Layla Omar Yasmin Karim Nour Tariq Salma Hassan Rania Youssef Dina Samir",
               "Haddad Mansour Khalil Nasser Farah Aziz Saleh Hamdan Darwish Qasim Rahman Bakri"),
    "west african": ("Amina Mamadou Fatou Kofi Awa Kwame Mariama Ousmane Abena Ibrahima Esi Yaw",
                     "Diallo Mensah Traoré Boateng Keïta Owusu Camara Asante Ndiaye Koné Appiah Sow"),
    "japanese": ("Yuki Haruto Sakura Ren Aiko Kenji Hana Daichi Mei Takumi Emi Sora",
                 "Tanaka Suzuki Watanabe Itō Kobayashi Yoshida Mori Ikeda Hayashi Ogawa Fujita Ōno"),
    "ukrainian": ("Oksana Andriy Daryna Taras Iryna Bohdan Solomiya Ostap Kateryna Yurii Lesya Maksym",
                  "Shevchenko Kovalenko Bondarenko Tkachuk Melnyk Kravets Lysenko Marchenko Savchenko Hrytsenko "
                  "Rudenko Panchuk"),
    "greek": ("Eleni Nikos Katerina Giorgos Danae Stelios Sofia Petros Ioanna Kostas Maria Thanos",
              "Papadakis Georgiou Nikolaidis Vlachos Karas Dimitriou Makris Antoniou Pappas Zervas Kotsis Raptis"),
}

# orders an hour (any unit), from 00:00 UTC; minutes between are drawn on a straight line
WORKDAY = [3, 2, 1, 1, 1, 3, 7, 12, 15, 16, 16, 16, 15, 14, 14, 14, 15, 18, 21, 23, 22, 17, 11, 6]
WEEKEND = [5, 3, 2, 1, 1, 1, 3, 6, 10, 14, 17, 18, 17, 16, 16, 17, 17, 17, 17, 18, 17, 14, 10, 6]
LUNCH = range(11 * 60 + 10, 12 * 60)  # minutes of a working day, UTC: ten past twelve to one o'clock in Berlin

BASKET = [66, 20, 7, 4, 2, 1]  # weights of 1..6 items
QUANTITY = [80, 14, 4, 2]  # weights of 1..4 pieces of an item


class Draw:
    """Choices from one random stream, told apart by its name. Only `random()` is used: see the module's docstring."""

    def __init__(self, name: str):
        self._random = random.Random(f"{SEED}/{name}").random

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return int(self._random() * n)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, in_a_thousand: int) -> bool:
        """True that many times in a thousand."""
        return self.below(1_000) < in_a_thousand

    def pick(self, choices: list):
        """One of the choices, each as likely as the other."""
        return choices[self.below(len(choices))]

    def weighted(self, cumulative: list[int]) -> int:
        """An index; `cumulative` holds the running sum of the weights."""
        return bisect_right(cumulative, self.below(cumulative[-1]))


def running(weights) -> list[int]:
    return list(accumulate(weights))


# ------------------------------------------------------------------------------------------------------ customers


def make_customers() -> list[dict]:
    """The customers c-1, c-2, ...; no two share an e-mail address."""
    customers, taken = [], {"orders@example.com", "amina.diallo@example.org"}
    by_country = running(weight for _, weight, _, _ in COUNTRIES)
    cultures = list(NAMES)
    for number in range(1, CUSTOMERS + 1):
        draw = Draw(f"customer {number}")
        country, _, cities, usual = COUNTRIES[draw.weighted(by_country)]
        given, family = NAMES[draw.pick(cultures) if draw.chance(330) else usual]
        name = f"{draw.pick(given.split())} {draw.pick(family.split(',') if ',' in family else family.split())}"
        host = "example.com" if draw.chance(600) else "example.org"
        local, suffix = mailbox(name), ""
        while f"{local}{suffix}@{host}" in taken:
            suffix = str(int(suffix or 1) + 1)
        email = f"{local}{suffix}@{host}"
        taken.add(email)
        customers.append({"id": f"c-{number}", "name": name, "email": email, "city": draw.pick(cities),
                          "country": country})
    customers[6] |= {"name": "Almgrund Hotels GmbH", "email": "orders@example.com", "city": "München", "country": "DE"}
    customers[41] |= {"name": "Amina Diallo", "email": "amina.diallo@example.org", "city": "Leipzig", "country": "DE"}
    return customers


def mailbox(name: str) -> str:
    """The part before the @: letters and dots only."""
    plain = name.lower().translate(str.maketrans({"ß": "ss", "ł": "l", "đ": "d", "ı": "i", "'": "", " ": "."}))
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))


# ------------------------------------------------------------------------------------------------------ when


def minute_weights() -> list[int]:
    """How likely an order is in each minute of the week."""
    weights = []
    for minute in range(WEEK // 60):
        when = START + timedelta(minutes=minute)
        weekend = when.weekday() >= 5
        hours = WEEKEND if weekend else WORKDAY
        weight = hours[when.hour] * (60 - when.minute) + hours[(when.hour + 1) % 24] * when.minute
        lunch = not weekend and when.hour * 60 + when.minute in LUNCH
        weights.append(weight * 5 // 2 if lunch else weight)
    return weights


def make_times() -> list[tuple[int, bool]]:
    """(seconds since START, in the flash sale?) of every order but those placed twice."""
    draw, minutes = Draw("times"), running(minute_weights())
    times = [(draw.weighted(minutes) * 60 + draw.below(60), False) for _ in range(ORDERS)]
    flash, rush = int((FLASH_START - START).total_seconds()), Draw("flash sale")
    for _ in range(FLASH_ORDERS):  # the smaller of two draws: most come early
        times.append((flash + min(rush.below(FLASH_SECONDS), rush.below(FLASH_SECONDS)), True))
    return times


def stamp(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


# ------------------------------------------------------------------------------------------------------ one order


def draw_items(draw: Draw, business: bool, flash: bool) -> list[dict]:
    if flash:
        chosen = [FLASH_SKU]
        if draw.chance(150):
            chosen.append(draw.pick(["CUP-01", "HOM-02", "COF-01"]))
        return [item(sku, 2 if sku == FLASH_SKU and draw.chance(80) else 1) for sku in chosen]
    chosen, by_product = [], running(weight for *_, weight in CATALOGUE)
    for _ in range(1 + draw.weighted(running(BASKET))):
        sku = draw.pick(SUPPLIES) if business else CATALOGUE[draw.weighted(by_product)][0]
        if sku not in chosen:
            chosen.append(sku)
    return [item(sku, draw.between(4, 20) if business else 1 + draw.weighted(running(QUANTITY))) for sku in chosen]


def item(sku: str, quantity: int) -> dict:
    name, cents = PRODUCTS[sku]
    return {"sku": sku, "name": name, "quantity": quantity, "unit_cents": cents}


def draw_payment(draw: Draw, seconds: int, business: bool) -> tuple[dict, int, bool]:
    """(payment, second of its last attempt, paid?). A failed attempt is tried again up to twice."""
    method = "invoice" if business else draw.pick(["card"] * 11 + ["wallet"] * 6 + ["bank_transfer"] * 3)
    failed, when = [], seconds + draw.between(1, 4)
    while not business and len(failed) < 3 and draw.chance(450 if failed else 34):
        reason = draw.pick(["card_declined", "card_declined", "insufficient_funds", "timeout"])
        if method != "card" and reason == "card_declined":
            reason = "timeout"
        failed.append({"at": stamp(when), "reason": reason})
        when += draw.between(25, 400)
    paid = len(failed) < 3
    return {"method": method} | ({"failed": failed} if failed else {}), when, paid


def draw_cancellation(draw: Draw, seconds: int) -> tuple[int, str] | None:
    """(second, reason) for about one order in thirty."""
    if not draw.chance(33):
        return None
    reason = draw.pick(["changed_mind", "changed_mind", "changed_mind", "out_of_stock", "out_of_stock", "wrong_address",
                        "suspected_fraud"])
    return seconds + draw.between(4 * 60, 9 * 3600), reason


def draw_shipping(draw: Draw, paid: int) -> int | None:
    """When the parcel leaves: at a pick-up (Monday to Saturday, 09:00, 13:00, 17:00 UTC) some hours after payment."""
    if draw.chance(40):
        return None  # waits for stock
    ready = START + timedelta(seconds=paid + draw.between(6, 72) * 3600)
    pickup = ready.replace(hour=9, minute=0, second=0)
    while pickup < ready or pickup.weekday() == 6 or pickup.hour not in (9, 13, 17):
        pickup += timedelta(hours=4)
    return int((pickup - START).total_seconds()) + draw.below(25 * 60)


def draw_channel(draw: Draw, seconds: int, flash: bool) -> str:
    hour = (START + timedelta(seconds=seconds)).hour
    by_phone = 60 if 8 <= hour < 17 and not flash else 0
    return "phone" if draw.chance(by_phone) else "app" if draw.chance(680 if flash else 410) else "web"


def make_order(name: str, seconds: int, customer: dict, flash: bool) -> dict:
    """One order without its number and its sums. `wish` is the discount code that the customer types in, if any."""
    draw, business = Draw(name), customer["id"] == BUSINESS
    order = {"placed_at": stamp(seconds), "customer": customer, "items": draw_items(draw, business, flash),
             "channel": draw_channel(draw, seconds, flash)}
    order["payment"], last_attempt, paid = draw_payment(draw, seconds, business)
    cancelled = draw_cancellation(draw, seconds) if paid else (last_attempt + 1_800, "payment_failed")
    shipped = draw_shipping(draw, last_attempt) if paid else None
    if cancelled and cancelled[0] < WEEK and (shipped is None or cancelled[0] < shipped):
        order |= {"cancelled_at": stamp(cancelled[0]), "cancel_reason": cancelled[1]}
    elif shipped is not None and shipped < WEEK:
        order["shipped_at"] = stamp(shipped)
    order["wish"] = FLASH_CODE if flash else None if business else draw_code(draw)
    return order


def draw_code(draw: Draw) -> str | None:
    if draw.chance(90):
        return "WELCOME10"
    return "NEWYEAR5" if draw.chance(130) else None


def order_again(order: dict, draw: Draw) -> dict:
    """The same order, sent once more some seconds later; it is cancelled when somebody notices."""
    placed = seconds_of(order["placed_at"]) + draw.between(2, 90)
    again = {name: value for name, value in order.items() if name != "shipped_at"}
    return again | {"placed_at": stamp(placed), "cancelled_at": stamp(placed + draw.between(300, 7_200)),
                    "cancel_reason": "ordered_twice"}


def seconds_of(text: str) -> int:
    return int((datetime.fromisoformat(text) - START).total_seconds())


# ------------------------------------------------------------------------------------------------------ the week


def make_orders() -> list[dict]:
    """The orders of the week, oldest first, numbered order-1, order-2, ...; orders of one second stay as drawn."""
    customers = make_customers()
    everyday = running(0 if c["id"] == BUSINESS else REGULARS.get(c["id"], 1) for c in customers)
    orders = []
    for number, (seconds, flash) in enumerate(make_times()):
        draw = Draw(f"who {number}")
        hotel = not flash and is_business_time(seconds) and draw.chance(BUSINESS_SHARE)
        customer = customers[6 if hotel else draw.weighted(everyday)]
        orders.append(make_order(f"order {number}", seconds, customer, flash))
    orders.sort(key=lambda order: order["placed_at"])
    welcome_once(orders)
    orders += orders_placed_twice(orders)
    orders.sort(key=lambda order: order["placed_at"])
    orders[1041] = the_pleasant_one(orders[1041]["placed_at"], customers[41])
    return [with_sums(f"order-{number}", order) for number, order in enumerate(orders, 1)]


def is_business_time(seconds: int) -> bool:
    return 5 <= (START + timedelta(seconds=seconds)).hour < 20


def welcome_once(orders: list[dict]) -> None:
    """WELCOME10 is for the first order of a customer who uses it; later ones go without."""
    welcomed: set[str] = set()  # only asked "is it in?", never iterated
    for order in orders:
        if order["wish"] == "WELCOME10":
            if order["customer"]["id"] in welcomed:
                order["wish"] = None
            welcomed.add(order["customer"]["id"])


def orders_placed_twice(orders: list[dict]) -> list[dict]:
    draw = Draw("twice")
    ordinary = [order for order in orders if "shipped_at" in order and "failed" not in order["payment"]
                and order["customer"]["id"] != BUSINESS and order["wish"] != FLASH_CODE]
    return [order_again(ordinary.pop(draw.below(len(ordinary))), draw) for _ in range(TWICE)]


def the_pleasant_one(placed_at: str, customer: dict) -> dict:
    """order-1042, written by hand: two items, nothing special, 42.00 EUR in all. Only its time is drawn."""
    return {"placed_at": placed_at, "customer": customer, "items": [item("CUP-01", 2), item("KIT-01", 1)],
            "channel": "web", "payment": {"method": "card"}, "shipped_at": "2026-01-09T09:12:00Z", "wish": None}


def with_sums(order_id: str, order: dict) -> dict:
    """The finished order: number, discount, shipping and total, the fields in their order."""
    goods = cents(order["items"])
    code, discount = order["wish"], 0
    if code == FLASH_CODE:
        discount = cents(one for one in order["items"] if one["sku"] == FLASH_SKU) * 30 // 100
    elif code == "WELCOME10":
        discount = goods * 10 // 100
    elif code == "NEWYEAR5":
        code, discount = ("NEWYEAR5", 500) if goods >= 4_000 else (None, 0)
    country = order["customer"]["country"]
    zone = 490 if country == HOME else 790 if country in EU else 1490
    shipping = 0 if goods - discount >= FREE_SHIPPING else zone
    done = {"order_id": order_id, "placed_at": order["placed_at"], "customer": order["customer"],
            "items": order["items"], "shipping_cents": shipping, "discount_cents": discount,
            "total_cents": goods - discount + shipping, "currency": "EUR", "channel": order["channel"],
            "payment": order["payment"]}
    if code:
        done["discount_code"] = code
    return done | {name: order[name] for name in ("cancelled_at", "cancel_reason", "shipped_at") if name in order}


def cents(items) -> int:
    return sum(one["quantity"] * one["unit_cents"] for one in items)


def render(orders: list[dict]) -> bytes:
    """The file: one compact JSON object a line, UTF-8, lines end with a line feed on every system."""
    lines = [json.dumps(order, ensure_ascii=False, separators=(",", ":")) for order in orders]
    return ("\n".join(lines) + "\n").encode()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make one week of orders of an invented shop.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare; exit code 1 if they differ")
    parser.add_argument("--file", type=pathlib.Path, default=FILE, help="where the orders are (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    orders = make_orders()
    made = render(orders)
    try:
        if not chosen.check:
            chosen.file.write_bytes(made)
            print(f"{chosen.file.name}: {len(orders):,} orders, {len(made):,} bytes")
            return 0
        found = chosen.file.read_bytes().replace(b"\r\n", b"\n")  # a checkout on Windows may turn line ends
    except OSError as error:
        print(f"{chosen.file}: {error.strerror}. Name a file in a folder that exists and that you may use.")
        return 2
    if found == made:
        print(f"{chosen.file.name}: as the script makes it")
        return 0
    pairs = zip_longest(found.split(b"\n"), made.split(b"\n"))
    line = next(number for number, (there, here) in enumerate(pairs, 1) if there != here)
    print(f"{chosen.file.name}: differs from what the script makes, first in line {line}. "
          "Run: python data/make_orders.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
