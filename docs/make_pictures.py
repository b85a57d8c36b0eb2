"""Draw the pictures of README.md with evlab itself: `python docs/make_pictures.py`, or with --check to compare."""

from __future__ import annotations

import pathlib
import sys

from evlab import Bus, Event, Faults, check, search, shrink
from evlab.course.judge import Answers, Judge, find_lab
from evlab.course.judge.labs import authoring_folder
from evlab.widgets import BusPlayground

HERE = pathlib.Path(__file__).parent / "pictures"


def shop(world):
    """Three orders, told to `email` at least once."""
    bus = Bus(world)
    bus.subscribe("order.placed", lambda e: world.history.did("receive", e.key), name="email")

    def publish():
        for key in ("order-1041", "order-1042", "order-1043"):
            world.history.did("send", key)
            bus.publish(Event(type="OrderPlaced", source="shop", key=key))
            yield 0.2

    world.spawn(publish(), "bus")
    world.run(until=30)
    world.calm().run()
    return check(world.history)


def publishes_again():
    """What the judge shows of a wrong answer to lab01: it tries again by publishing again."""
    folder = authoring_folder() / "lab01"
    text = (folder / "mutants" / "q4_publishes_again.py").read_text("utf-8")
    with Judge(find_lab("lab01")) as judge:
        answers = Answers({"lab01.q4": text[text.index("# answer:"):]})
        return judge.judge(answers, ["lab01.q4"])[0].figure()


def pictures() -> dict[str, str]:
    """File name -> SVG."""
    failure = shrink(search(shop, faults=Faults(crash=0.05)))
    playground = BusPlayground(seed=7)
    playground.do("publish-orderplaced").do("state-email", "failing").do("publish-orderplaced").do("wait").do("wait")
    playground.do("state-inventory", "crashed").do("state-analytics", "slow").do("publish-orderplaced")
    return {"timeline.svg": failure.draw("The receipt was sent, the word about it was lost, so it is sent again").svg,
            "check.svg": publishes_again().svg,
            "playground.svg": playground.render()["pictures"][0].svg}


def main(argv: list[str]) -> int:
    different = []
    for name, svg in pictures().items():
        path = HERE / name
        if "--check" in argv:
            different += [name] if not path.exists() or path.read_text("utf-8") != svg else []
        else:
            path.write_text(svg, encoding="utf-8")
    for name in different:
        print(f"docs/pictures/{name} is not what the code draws; run python docs/make_pictures.py", file=sys.stderr)
    return 2 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
