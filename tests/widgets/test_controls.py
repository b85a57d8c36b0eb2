"""Every control of every playground does something: it can be used, and shows afterwards what it was set to."""

from __future__ import annotations

import inspect

import pytest

from evlab import EvlabError, widgets
from evlab.widgets import Button, Playground, Select, Slider, Text, Toggle

PLAYGROUNDS = [made for made in (getattr(widgets, name) for name in widgets.__all__)
               if inspect.isclass(made) and issubclass(made, Playground) and made is not Playground]
CONTROLS = [(made, control.id) for made in PLAYGROUNDS for control in made()._controls.values()]


def other(control):
    """A value that the control has not now."""
    if isinstance(control, Slider):
        return control.high if control.value != control.high else control.low
    if isinstance(control, Select):
        return next((name for name in control.options if name != control.value), control.value)
    return not control.value if isinstance(control, Toggle) else control.value if isinstance(control, Text) else None


def use(playground, id):
    """Set the control to another value, and say what is wrong with that; "" if nothing is."""
    control = playground._controls[id]
    value = other(control)
    try:
        playground.do(id, value)
    except EvlabError as error:
        may_refuse = control.blocked or isinstance(control, Button | Text)
        return "" if may_refuse else f"refuses its own value {value!r}: {error}"
    except Exception as error:
        return f"ends in a {type(error).__name__}: {error}; act() does not know it"
    after = playground._controls.get(id)
    if after and not isinstance(control, Button) and after.value != value:
        return f"was set to {value!r} and shows {after.value!r}: act() keeps none of it, or render() shows none"
    return ""


@pytest.mark.parametrize(("made", "id"), CONTROLS, ids=lambda one: getattr(one, "__name__", one))
def test_a_control_can_be_used_and_shows_its_value(made, id):
    fault = use(made(), id)
    assert not fault, f"{made.__name__}: the control {id!r} {fault}"


class Deaf(Playground):
    """Four controls, of which one works."""

    name, title, lead = "deaf", "A playground that hears one control", "Slide."

    def start(self, seed):
        self.good = 1

    def act(self, name, value):
        if name == "good":
            self.good = value
        elif name in ("lost", "refused"):
            {"lost": {}.__getitem__, "refused": self.refuse}[name](value)

    def refuse(self, value):
        raise EvlabError("No.")

    def render(self):
        return {"controls": [Slider(name, name, low=0, high=9, value=self.good if name == "good" else 1)
                             for name in ("good", "unheard", "lost", "refused")]}

    def digest(self):
        return str(self.good)


@pytest.mark.parametrize(("id", "fault"), [
    ("good", ""), ("unheard", "was set to 9 and shows 1"), ("lost", "ends in a KeyError"),
    ("refused", "refuses its own value 9: No.")])
def test_a_control_that_nobody_hears_is_found(id, fault):
    assert fault in use(Deaf(), id) and bool(fault) == bool(use(Deaf(), id))
