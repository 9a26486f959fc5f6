"""The shape of a snapshot in memory: what plain objects, structs, models and dataclasses cost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import msgspec
import pydantic

from exporter.snapshot import patch
from exporter.snapshot.definition import Stated
from exporter.snapshot.texts import Contracts, Moment, Usd
from exporter.snapshot.tree import Position

from .table import Row, percentile
from .workshop import Workshop

HOW = """A snapshot that is a sequence and many open positions, in four shapes: plain objects encoded with
`json`, as it was before it had a type; msgspec's structs, as it is; pydantic's models; dataclasses. Each is
encoded, decoded, and compared with one in which 1, 10 and all positions are others, as between ticks: what
has not changed is the same object. Medians; the four take turns."""

Fields = dict[str, Any]
CHANGED = (1, 10)
REPEATS = 21


class Structs(Stated, frozen=True, kw_only=True):
    """The snapshot of structs."""

    sequence: int
    positions: dict[str, Position]


class PositionModel(pydantic.BaseModel):
    """The same position as a model."""

    source: str
    side: str
    count: str
    cost: str
    mark: str | None = None
    value: str | None = None
    unrealised: str | None = None
    grade: str
    as_of: str | None = None


class Models(pydantic.BaseModel):
    """The snapshot of models."""

    sequence: int
    positions: dict[str, PositionModel]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionData:
    """The same position as a dataclass."""

    source: str
    side: str
    count: str
    cost: str
    mark: str | None = None
    value: str | None = None
    unrealised: str | None = None
    grade: str
    as_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataclasses:
    """The snapshot of dataclasses."""

    sequence: int
    positions: dict[str, PositionData]


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to hold a snapshot."""

    name: str
    position: Callable[[Fields], Any]
    whole: Callable[[int, dict[str, Any]], Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    diff: Callable[[Any, Any], Any]


def _encoded(tree: Any) -> bytes:
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _by_names(names: Callable[[Any], tuple[str, ...]]) -> Callable[[Any, Any], dict[str, Any]]:
    """Return the difference of objects of named fields, which is what `patch.diff` does with structs."""

    def different(old: Any, new: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if isinstance(new, Mapping):
            found = dict.fromkeys(old.keys() - new.keys())
            pairs = [(key, old.get(key), value) for key, value in new.items()]
        else:
            pairs = [(name, getattr(old, name), getattr(new, name)) for name in names(type(new))]
        for key, before, value in pairs:
            if before is value:
                continue
            if isinstance(value, str | int) or value is None or type(before) is not type(value):
                if before != value:
                    found[key] = value
            elif inner := different(before, value):
                found[key] = inner
        return found

    return different


def _dataclasses(body: bytes) -> Dataclasses:
    tree = json.loads(body)
    positions = {key: PositionData(**fields) for key, fields in tree["positions"].items()}
    return Dataclasses(sequence=tree["sequence"], positions=positions)


def _struct(fields: Fields) -> Position:
    return Position(**fields)


SHAPES = (
    Shape(
        "plain objects and json",
        dict,
        lambda sequence, positions: {"sequence": sequence, "positions": positions},
        _encoded,
        json.loads,
        patch.diff,
    ),
    Shape(
        "structs of msgspec",
        _struct,
        lambda sequence, positions: Structs(sequence=sequence, positions=positions),
        patch.encode,
        msgspec.json.Decoder(Structs).decode,
        patch.diff,
    ),
    Shape(
        "models of pydantic",
        lambda fields: PositionModel(**fields),
        lambda sequence, positions: Models(sequence=sequence, positions=positions),
        lambda tree: tree.model_dump_json(exclude_none=True).encode(),
        Models.model_validate_json,
        _by_names(lambda kind: tuple(kind.model_fields)),
    ),
    Shape(
        "dataclasses and json",
        lambda fields: PositionData(**fields),
        lambda sequence, positions: Dataclasses(sequence=sequence, positions=positions),
        lambda tree: _encoded(_without_none(asdict(tree))),
        _dataclasses,
        _by_names(lambda kind: tuple(field.name for field in dataclasses.fields(kind))),
    ),
)


def _without_none(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return {key: _without_none(value) for key, value in tree.items() if value is not None}


def measure(workshop: Workshop) -> list[Row]:
    """Return one row a shape, that of today's structs beside what plain objects take."""
    positions = workshop.scale.positions
    seconds: dict[str, dict[str, list[float]]] = {shape.name: {} for shape in SHAPES}
    for _ in range(REPEATS):
        for shape in SHAPES:
            for what, took in _once(shape, positions).items():
                seconds[shape.name].setdefault(what, []).append(took)
    return [
        Row(f"a snapshot of {positions:,} positions as {name}", "", _said(found))
        for name, found in seconds.items()
    ]


def _once(shape: Shape, count: int) -> dict[str, float]:
    took: dict[str, float] = {}
    before = {f"MARKET-{number:04}": shape.position(_fields(number, 0)) for number in range(count)}
    old = shape.whole(1, before)
    body, took["encode"] = _timed(shape.encode, old)
    _, took["decode"] = _timed(shape.decode, body)
    for changed in (*CHANGED, count):
        others = {
            key: shape.position(_fields(number, 1)) for number, key in enumerate(before) if number < changed
        }
        new = shape.whole(2, {**before, **others})
        found, took[f"diff of {changed:,}"] = _timed(shape.diff, old, new)
        assert len(found["positions"]) == min(changed, count)
    return took


def _timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    began = perf_counter()
    result = work(*arguments)
    return result, perf_counter() - began


def _fields(number: int, moved: int) -> Fields:
    value = f"{number + moved}.37"
    return {
        "source": "kalshi",
        "side": "yes",
        "count": Contracts("12.00"),
        "cost": Usd(f"{number}.25"),
        "mark": Usd("0.58"),
        "value": Usd(value),
        "unrealised": Usd("0.12"),
        "grade": "final",
        "as_of": Moment(f"2026-11-22T12:00:00.{moved:06}Z"),
    }


def _said(found: Mapping[str, list[float]]) -> str:
    return "p50 " + ", ".join(f"{what} {percentile(took, 50) * 1e3:.3f} ms" for what, took in found.items())
