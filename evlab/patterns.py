"""Patterns of routing keys: which events a subscriber means by `order.*`.

A key is words with dots between them, `order.placed`. In a pattern `*` stands for one word and `#` for any number of
them, none included. The bus goes by these rules, and so does a topic exchange of the router.
"""

from __future__ import annotations

from functools import lru_cache

from evlab.errors import InvalidPattern

__all__ = ["check_pattern", "topic_matches"]


def topic_matches(pattern: str, key: str) -> bool:
    """Does a routing key match a pattern? `*` is exactly one word, `#` is zero or more (RabbitMQ: topic exchange).

    An empty word counts as a word: `a.*.b` matches `a..b`. The empty key has no words at all.
    """
    return _words_match(_words(pattern), _words(key))


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise InvalidPattern(f"{text!r:.40} is neither a pattern nor a routing key", pattern=text,
                             next_step='give words with dots, such as "order.*" and "order.placed"')
    return tuple(text.split(".")) if text else ()


def _words_match(pattern: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """`#` first takes no word; when the rest does not fit, it takes one more."""
    p = w = 0
    hash_at, retry_at = -1, 0
    while w < len(words):
        if p < len(pattern) and pattern[p] == "#":
            hash_at, retry_at = p, w
            p += 1
        elif p < len(pattern) and pattern[p] in ("*", words[w]):
            p, w = p + 1, w + 1
        elif hash_at >= 0:
            retry_at += 1
            p, w = hash_at + 1, retry_at
        else:
            return False
    return all(word == "#" for word in pattern[p:])


def check_pattern(pattern: str) -> None:
    """Raise `InvalidPattern` for one that no routing key of an event can match."""
    if not isinstance(pattern, str) or not pattern:
        raise InvalidPattern(f"the pattern {pattern!r} is not a non-empty string", pattern=pattern,
                             next_step='write words with dots, such as "order.placed", "order.*" or "#"')
    for word in pattern.split("."):
        if len(word) > 1 and ("*" in word or "#" in word):
            raise InvalidPattern(f"the pattern {pattern!r} has a wildcard inside the word {word!r}", pattern=pattern,
                                 why="* stands for one whole word and # for any number of whole words",
                                 next_step='put it between dots, as in "order.*"')
        if any(letter.isspace() for letter in word) or word != word.lower():
            raise InvalidPattern(f"the pattern {pattern!r} can match no event", pattern=pattern,
                                 why="routing keys are lower case words: OrderPlaced is published as order.placed",
                                 next_step='write it as a key, as in "order.placed"')
