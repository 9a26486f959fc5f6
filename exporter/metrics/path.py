"""Where in a snapshot a metric is read: a path through its definition, which is checked at the start.

A path is made of keys with dots between. `{label}` stands for every key of an object, or every field of a
part, and gives the label its value; `*` for every key, of which the values are added up; `[]` for every item
of a list, `[-1]` for the last. Labels that no step gives are fields of the part that the path leads through
last. Where the path ends at a part, the sample is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, get_args, get_origin

from exporter.metrics.exposition import Sample
from exporter.snapshot import Grade, GradeWord, Snapshot
from exporter.snapshot.definition import Stated
from exporter.snapshot.shape import fields, part_of
from exporter.snapshot.texts import Contracts, Day, Moment, Ratio, Usd
from exporter.times import unstamp

SUM, EACH, LAST = "*", "[]", "[-1]"


def seconds(moment: str) -> float:
    """Return the time that a text states as Prometheus has it."""
    return unstamp(moment).timestamp()


def midnight(day: str) -> float:
    """Return the UTC beginning of a date as seconds."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def grade(word: GradeWord) -> float:
    """Return a grade as the number that metrics show."""
    return float(Grade.of(word))


FLOATS: Mapping[Any, Callable[[Any], float]] = {
    Usd: float,
    Contracts: float,
    Ratio: float,
    Moment: seconds,
    Day: midnight,
    GradeWord: grade,
    int: float,
    bool: float,
}
"""How the end of a path becomes the value of a sample. Only in this room does money become a float."""

Found = list[tuple[tuple[str, ...], Any]]
"""What a path has led to so far: the values of the labels that it gave on the way, and where it is."""

Step = Callable[[Found], Found]


class Path:
    """Reads the samples of one metric. Raises TypeError when the definition has no such path."""

    def __init__(self, text: str, labels: tuple[str, ...]) -> None:
        keys = text.split(".") if text else []
        steps: list[Step] = []
        hints: list[Any] = [Snapshot]
        for key in keys:
            step, hint = _step(hints[-1], key)
            steps.append(step)
            hints.append(hint)
        last = max(place for place, hint in enumerate(hints) if _is_part(hint))
        given = [_label(key) for key in keys if _label(key)]
        own = [label for label in labels if label not in given]
        if own:
            steps.insert(last, _own(hints[last], own))
            before = len([key for key in keys[:last] if _label(key)])
            given[before:before] = own
        if sorted(given) != sorted(labels):
            raise TypeError(f"{text} gives the labels {given}, not {labels}.")
        self._steps, self._sums = steps, SUM in keys
        self._order = [given.index(label) for label in labels]
        read = _one if _is_part(hints[-1]) else FLOATS.get(hints[-1])
        if read is None:
            raise TypeError(f"{text} ends at nothing that has a value.")
        self._float: Callable[[Any], float] = read

    def samples(self, snapshot: Snapshot) -> list[Sample]:
        """Return the samples of a snapshot; none where the path leads to what is absent."""
        found: Found = [((), snapshot)]
        for step in self._steps:
            found = step(found)
        if self._sums:
            total = sum((Decimal(amount) for _, amount in found), Decimal(0))
            return [((), float(total))] if found else []
        order, read = self._order, self._float
        return [(tuple([labels[place] for place in order]), read(value)) for labels, value in found]


def _step(hint: Any, key: str) -> tuple[Step, Any]:
    """Return the step that a key is from a type on, and the type it leads to."""
    origin = get_origin(hint)
    if _is_part(hint):
        if _label(key):
            return _every_field(hint)
        for field in fields(hint):
            if field.key == key:
                return _field(field.attribute), field.type
    elif origin is dict and (_label(key) or key == SUM):
        return (_values if key == SUM else _keys), get_args(hint)[1]
    elif origin is tuple and key in (EACH, LAST):
        return (_items if key == EACH else _last), get_args(hint)[0]
    raise TypeError(f"There is no {key} in {hint}.")


def _is_part(hint: Any) -> bool:
    return part_of(hint) is hint


def _label(key: str) -> str:
    return key[1:-1] if key.startswith("{") else ""


def _field(attribute: str) -> Step:
    get = attrgetter(attribute)

    def step(found: Found) -> Found:
        return [(labels, value) for labels, part in found if (value := get(part)) is not None]

    return step


def _every_field(part: type[Stated]) -> tuple[Step, Any]:
    pairs = [(field.key, attrgetter(field.attribute)) for field in fields(part)]
    hint, *others = {field.type for field in fields(part)}
    if others:
        raise TypeError(f"The fields of {part.__name__} are not of one type.")

    def step(found: Found) -> Found:
        return [
            ((*labels, key), value)
            for labels, part in found
            for key, get in pairs
            if (value := get(part)) is not None
        ]

    return step, hint


def _own(part: type[Stated], names: list[str]) -> Step:
    """Return the step that takes labels from fields of the part where it stands."""
    attributes = {field.key: field.attribute for field in fields(part)}
    if missing := [name for name in names if name not in attributes]:
        raise TypeError(f"{part.__name__} says nothing of the label {missing[0]}.")
    getters = [attrgetter(attributes[name]) for name in names]

    def step(found: Found) -> Found:
        return [((*labels, *[_text(get(part)) for get in getters]), part) for labels, part in found]

    return step


def _keys(found: Found) -> Found:
    return [((*labels, key), value) for labels, mapping in found for key, value in mapping.items()]


def _values(found: Found) -> Found:
    return [(labels, value) for labels, mapping in found for value in mapping.values()]


def _items(found: Found) -> Found:
    return [(labels, item) for labels, items in found for item in items]


def _last(found: Found) -> Found:
    return [(labels, item) for labels, items in found for item in items[-1:]]


def _one(_part: Any) -> float:
    return 1.0


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
