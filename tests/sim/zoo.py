"""Small programs, kept to be caught: each has one bug that people really write, and the name it must be accused of.

Beside them stand programs that do it right, and must never be accused. All are written against public names. A
program sets up a world; `Animal` runs it, ends the faults, lets it drain, and asks the checkers.
"""

from __future__ import annotations

import zoo_disk
import zoo_log
import zoo_messages
import zoo_middle
import zoo_right
from keeper import BUGS, RIGHT, Animal

__all__ = ["BUGS", "RIGHT", "Animal"]

FAMILIES = (zoo_messages, zoo_disk, zoo_middle, zoo_log, zoo_right)
"""Where the animals live. Each module adds its own to `BUGS` or `RIGHT` when it is imported."""
