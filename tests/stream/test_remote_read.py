"""Remote read without a Prometheus: its formats, what is refused of them, and which samples there are."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ledger import SourceState
from exporter.periods.period import Period
from exporter.reports.past import KeptPast
from exporter.reports.reader import PeriodReader
from exporter.store import Store
from exporter.stream.remote_read import series as served
from exporter.stream.remote_read.bad_read import BadRead
from exporter.stream.remote_read.messages import Matcher, Operator, Query, read_request, read_response
from exporter.stream.remote_read.selector import LONGEST_PATTERN, Selector
from exporter.stream.remote_read.series import answered, noon
from exporter.stream.remote_read.snappy import packed, unpacked
from exporter.stream.remote_read.varint import read_varint, varint
from tests.builders import NOW, bill, fill, mark, sale
from tests.examples import examples
from tests.ledger.test_daybook import ZONES
from tests.reports.test_reader import World
from tests.stream.remote_reading import Series, number, part, query, request, response, stored

ALL = 1 << 16
NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
MARKS = [mark("KXA-1-T", bid="0.60", ask="0.61")]

# The formats.


@st.composite
def blocks(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a snappy block of literals and copies of every kind, and what it holds."""
    block, data = b"", b""
    for kind in draw(st.lists(st.sampled_from(["literal", "long", "short", "copy", "far"]), max_size=12)):
        if kind in ("literal", "long") or not data:
            piece = draw(st.binary(min_size=1, max_size=60))
            if kind == "long":
                piece *= draw(st.integers(2, 20))
                size = len(piece) - 1
                count = draw(st.integers(2 if size > 255 else 1, 4))
                block += bytes([59 + count << 2]) + size.to_bytes(count, "little")
            else:
                block += bytes([len(piece) - 1 << 2])
            block, data = block + piece, data + piece
            continue
        offset = draw(st.integers(1, min(len(data), 2047)))
        length = draw(st.integers(4, 11) if kind == "short" else st.integers(1, 64))
        if kind == "short":
            block += bytes([offset >> 8 << 5 | length - 4 << 2 | 1, offset & 255])
        else:
            size = 2 if kind == "copy" else 4
            block += bytes([length - 1 << 2 | (2 if kind == "copy" else 3)]) + offset.to_bytes(size, "little")
        for _ in range(length):
            data += data[-offset : len(data) - offset + 1]
    return number(len(data)) + block, data


@settings(max_examples=examples(300), deadline=None)
@given(blocks())
def test_a_snappy_block_is_read_as_it_was_made(made: tuple[bytes, bytes]) -> None:
    """Literals and copies of all kinds, also those that reach into what they write."""
    block, data = made
    assert unpacked(block, ALL) == data
    assert unpacked(packed(data), ALL) == data


@settings(max_examples=examples(300), deadline=None)
@given(blocks(), st.data())
def test_a_snappy_block_that_was_cut_or_changed_is_refused_or_read(
    made: tuple[bytes, bytes], data: st.DataObject
) -> None:
    """Never with an error of another kind, and never more than is allowed."""
    block, _ = made
    with pytest.raises(BadRead):
        unpacked(block[: data.draw(st.integers(0, len(block) - 1))], ALL)
    changed = bytearray(block)
    changed[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadRead):
        assert len(unpacked(bytes(changed), ALL)) <= ALL


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(-(2**63), 2**64 - 1))
def test_a_number_is_read_as_it_was_written(value: int) -> None:
    assert read_varint(varint(value), 0) == (value % 2**64, len(varint(value)))
    assert varint(value) == number(value)


times = st.integers(-(2**63), 2**63 - 1)
matchers = st.lists(
    st.builds(Matcher, st.sampled_from(("=", "!=", "=~", "!~")), st.text("abc_", min_size=1), st.text()),
    max_size=4,
)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(times, times, matchers), max_size=3))
def test_queries_are_read_as_prometheus_writes_them(
    asked: list[tuple[int, int, list[Matcher]]],
) -> None:
    """Times before 1970 and any text in a label; what has no meaning here is passed over."""
    queries = [
        query(start, end, *(f"{each.name}{each.operator}{each.value}" for each in wanted))
        for start, end, wanted in asked
        if not any(each.value.startswith(("=", "~")) for each in wanted)
    ]
    found = read_request(unpacked(request(*queries), 1 << 20))
    assert found == [
        Query(start, end, tuple(wanted))
        for start, end, wanted in asked
        if not any(each.value.startswith(("=", "~")) for each in wanted)
    ]


@settings(max_examples=examples(200), deadline=None)
@given(
    st.dictionaries(
        st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
        st.lists(st.tuples(times, st.floats(allow_nan=False)), max_size=3),
        max_size=3,
    )
)
def test_an_answer_is_read_as_it_was_written(wanted: Series) -> None:
    """Labels, times and values, and one result for each query, also for one that found nothing."""
    assert response(packed(read_response([wanted.items(), ()]))) == [wanted, {}]


@settings(max_examples=examples(500), deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    """Nothing else is raised, whatever comes."""
    for taken in (data, query(0, 1, "a=b")[:-3] + data):
        with suppress(BadRead):
            read_request(taken)


BOMB = number(1 << 40) + b"\x00a" + b"\xfe\x01\x00" * 20_000

HOSTILE = {
    "a bomb": BOMB,
    "a bomb that denies it": number(1000) + BOMB[6:],
    "nothing at all": b"",
    "a length that never ends": b"\xff" * 50,
    "a length of more than 64 bits": b"\xff" * 9 + b"\x7f",
    "a copy of nothing": number(4) + b"\x01\x01",
    "a copy from before the beginning": number(9) + b"\x00a\x11\x09",
    "a literal of four gigabytes": number(4) + b"\xfc\xff\xff\xff\xff",
    "too little": number(4) + b"\x00a",
    "something after its end": number(1) + b"\x00a\x00b",
    "a message that ends in the middle": stored(b"\x0a\x20a"),
    "a field of a kind that is gone": stored(b"\x0b" * 1000),
    "a number of eleven bytes": stored(b"\x08" + b"\x80" * 11),
    "a number where a query belongs": stored(b"\x08\x01"),
    "text where a time belongs": stored(part(1, part(1, b"x"))),
    "a label that is no UTF-8": stored(part(1, part(3, part(2, b"\xff")))),
    "a matcher of a fifth kind": stored(part(1, part(3, b"\x08\x04"))),
    "a matcher of a kind that is text": stored(part(1, part(3, part(1, b"=")))),
    "too many queries": stored(part(1, b"") * 17),
    "too many matchers": stored(part(1, part(3, b"") * 33)),
    "no kind of answer that we give": stored(b"\x10\x01"),
    "the same in one piece": stored(part(2, b"\x01\x01")),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_request_is_refused_in_a_sentence_and_little_memory(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BadRead, match=r"^[A-Z].*\.$"):
            read_request(unpacked(body, ALL))
        assert tracemalloc.get_traced_memory()[1] < 4 * ALL
    finally:
        tracemalloc.stop()


def test_nesting_has_no_depth() -> None:
    """What is in a message of no meaning is not looked into."""
    nested = b""
    for _ in range(5_000):
        nested = part(4, nested)
    assert read_request(nested) == []


# Which series are meant.


@pytest.mark.parametrize(
    ("operator", "value", "taken"),
    [
        ("=", "sales", True),
        ("=", "sale", False),
        ("!=", "sales", False),
        ("=~", "sa.*", True),
        ("=~", "sale", False),
        ("=~", "kalshi|sales", True),
        ("=~", "(?i)SALES", True),
        ("!~", "s.+", False),
        ("!~", "", True),
    ],
)
def test_a_matcher_takes_the_whole_value(operator: Operator, value: str, taken: bool) -> None:
    """As Prometheus has it: a pattern is of all the text, and a label that is not there is empty."""
    selector = Selector([Matcher(operator, "source", value)])
    assert selector.takes({"source": "sales"}) == taken
    assert selector.may_take({"source": "sales"}) == taken
    assert selector.may_take({})
    assert selector.takes({}) == Selector([Matcher(operator, "other", value)]).takes({"source": "sales"})


def test_a_point_is_any_character_as_in_prometheus() -> None:
    assert Selector([Matcher("=~", "a", "x.y")]).takes({"a": "x\ny"})


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "(?=a)", "x" * (LONGEST_PATTERN + 1), "((a{99}){99})"])
def test_a_pattern_that_is_none_is_said(pattern: str) -> None:
    """Also one that is too long, or would grow too large."""
    with pytest.raises(BadRead, match=r"^A pattern .*\.$"):
        Selector([Matcher("=~", "a", pattern)])


@pytest.mark.parametrize("pattern", ["(a|a)*b", "(a*)*b", "(a+)+$b", "(.*)(.*)(.*)(.*)(.*)(.*)b"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    """These take Python's own engine longer than anybody waits."""
    assert not Selector([Matcher("=~", "a", pattern)]).takes({"a": "a" * 5_000})


# Which samples there are.


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of New York over the end of its summer time, with all sources."""
    path = tmp_path_factory.mktemp("month") / "northstar.sqlite3"
    with Store.write(path) as store:
        world = World(store, NEW_YORK)
        world.marks = MARKS
        for ago in range(30, -1, -1):
            at = NOW - ago * DAY
            world.keep(
                fill("buy yes 1 @ 0.40 fee 0.01 in KXA-1-T", fill_id=f"f{ago}", at=at),
                sale(f"{ago + 1}.10", sale_id=f"s{ago}", at=at, fee="0.10"),
                bill(at.date(), "0.50"),
            )
        world.publish()
    return path


@pytest.fixture
def world(month: Path) -> Iterator[World]:
    with Store.write(shutil.copy(month, month.with_name(f"{uuid4()}.sqlite3"))) as store:
        world = World(store, NEW_YORK)
        world.marks = MARKS
        yield world


def asked(world: World, *wanted: str, start: int = -(2**63), end: int = 2**63 - 1) -> Series:
    """Return what a query is told."""
    queries = read_request(unpacked(request(query(start, end, *wanted)), ALL))
    [found] = answered(PeriodReader(world.store), KeptPast(), queries)
    return {labels: list(samples) for labels, samples in found}


def by(found: Series, *names: str) -> dict[tuple[str, ...], list[tuple[int, float]]]:
    """Return series by the values of some of their labels."""
    return {tuple(dict(labels)[name] for name in names): samples for labels, samples in found.items()}


def test_every_day_is_what_its_figures_are(world: World) -> None:
    """Net, components, sources and grade; today too, as far as it has gone."""
    reader = PeriodReader(world.store)
    assert reader.first is not None
    days = [reader.first + number * DAY for number in range((reader.today - reader.first).days + 1)]
    figures = [reader.figures(Period.holding("day", day, NEW_YORK)) for day in days]
    noons = [noon(day, NEW_YORK) for day in days]
    [nets] = asked(world, "__name__=northstar_day_net_usd", "known=now").values()
    assert nets == [(at, float(each.net.usd or 0)) for at, each in zip(noons, figures, strict=True)]
    parts = by(asked(world, "__name__=northstar_day_component_usd"), "component")
    for name in figures[0].components:
        assert parts[(name,)] == [
            (at, float(each.components[name].usd or 0)) for at, each in zip(noons, figures, strict=True)
        ]
    sources = by(asked(world, "__name__=northstar_day_source_usd", "source=sales"), "source", "component")
    assert sources[("sales", "sales_gross")] == parts[("sales_gross",)]
    grades = by(asked(world, "__name__=northstar_day_grade"), "grade")
    stated = sorted((at, name) for (name,), samples in grades.items() for at, _ in samples)
    assert stated == [(at, each.net.grade.word) for at, each in zip(noons, figures, strict=True)]


def test_a_month_is_there_once_it_is_over(world: World) -> None:
    """At its last day's noon, with the sum of its days; the one that runs is not."""
    found = asked(world, "__name__=~northstar_month_.+")
    assert {dict(labels)["month"] for labels in found} == {"2026-10"}
    figures = PeriodReader(world.store).figures(Period.holding("month", date(2026, 10, 1), NEW_YORK))
    [nets] = asked(world, "__name__=northstar_month_net_usd").values()
    assert nets == [(noon(date(2026, 10, 31), NEW_YORK), float(figures.net.usd or 0))]
    at = nets[0][0]
    assert asked(world, "__name__=northstar_month_net_usd", start=at, end=at)
    assert not asked(world, "__name__=northstar_month_net_usd", start=at + 1)
    assert not asked(world, "__name__=northstar_month_net_usd", end=at - 1)


def test_both_ends_of_the_time_are_included_and_nothing_beyond(world: World) -> None:
    day = date(2026, 11, 1)
    at = noon(day, NEW_YORK)
    assert datetime.fromtimestamp(at / 1000, UTC).hour == 17, "the clocks were set back that night"
    net = "__name__=northstar_day_net_usd"
    for start, end, times in [
        (at, at, [at]),
        (at + 1, noon(day + DAY, NEW_YORK) - 1, []),
        (noon(day - DAY, NEW_YORK), at, [at - 25 * 3_600_000, at]),
        (at, at - 1, []),
        (2**62, 2**63 - 1, []),
        (-(2**63), -1, []),
    ]:
        found = [sample for samples in asked(world, net, start=start, end=end).values() for sample in samples]
        assert [moment for moment, _ in found] == times


@pytest.mark.parametrize(
    "wanted",
    [["__name__=up"], ["__name__=northstar_day_net_usd", "known=then"], ["__name__=~northstar_day", "a=b"]],
)
def test_what_is_not_ours_has_no_series(world: World, wanted: list[str]) -> None:
    assert not asked(world, *wanted)


def test_a_day_that_is_missing_has_its_grade_and_no_amount(world: World) -> None:
    """A source that never answered leaves no net; what the others came to is said."""
    world.publish(kalshi=SourceState())
    assert not asked(world, "__name__=northstar_day_net_usd")
    assert not asked(world, "__name__=northstar_day_component_usd", "component=trading_fees")
    assert asked(world, "__name__=northstar_day_component_usd", "component=sales_gross")
    assert by(asked(world, "__name__=northstar_day_grade"), "grade").keys() == {("missing",)}


def test_too_much_at_once_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many samples in all queries together, and too many days in one."""
    monkeypatch.setattr(served, "MOST_SAMPLES", 40)
    assert asked(world, "__name__=northstar_day_net_usd")
    with pytest.raises(BadRead, match="samples are too many, 40 is the limit"):
        asked(world, "__name__=northstar_day_component_usd")
    monkeypatch.setattr(served, "MOST_DAYS", 20)
    with pytest.raises(BadRead, match="days are too many, 20 is the limit"):
        asked(world, "__name__=northstar_day_net_usd")


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(1975, 1, 1), date(2030, 12, 31)))
def test_every_noon_is_in_its_day(zone: ZoneInfo, day: date) -> None:
    """In every zone, also where the clocks change that day."""
    assert Period.holding("day", day, zone).holds(datetime.fromtimestamp(noon(day, zone) / 1000, UTC))


# What is kept of it.


def test_a_past_that_stays_is_computed_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today always, the days before when anything about them has changed, and then as the API has them."""
    computed: list[str] = []
    figures = PeriodReader.figures

    def counted(reader: PeriodReader, period: Period) -> object:
        computed.append(period.name)
        return figures(reader, period)

    monkeypatch.setattr(PeriodReader, "figures", counted)
    past = KeptPast()
    today = NOW.astimezone(NEW_YORK).date()
    periods = [Period.holding("day", today - ago * DAY, NEW_YORK) for ago in range(5, -1, -1)]

    def look() -> int:
        computed.clear()
        reader = PeriodReader(world.store)
        found = past.figures(reader, periods)
        count = len(computed)
        fresh = PeriodReader(world.store)
        assert [(each.net.usd, each.net.grade) for each in found] == [
            (each.net.usd, each.net.grade) for each in (figures(fresh, period) for period in periods)
        ]
        return count

    assert [look(), look()] == [6, 1]
    world.keep(sale("7", sale_id="new", at=NOW))
    world.publish()
    assert look() == 1, "today is not the past"
    world.keep(sale("7", sale_id="late", at=NOW - 3 * DAY))
    assert look() == 6, "it is still being counted"
    world.publish()
    assert [look(), look()] == [6, 1]
    world.keep(bill((NOW - 2 * DAY).date(), "0.75"))
    world.publish()
    assert look() == 6
    world.publish(sales=SourceState(as_of=NOW, last_success=NOW, history=("a part is missing",)))
    assert look() == 6
    world.clock.step(timedelta(hours=1))
    world.publish()
    assert look() == 6
