"""`northstar explain`: an explanation as text, for a person at a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from decimal import Decimal

from exporter.explain.day import explain_day
from exporter.explain.figure import explain_figure
from exporter.explain.lines import Comparison, DayExplained, Explained, Proof
from exporter.money import plain
from exporter.records.printable import printable
from exporter.settings import Settings
from exporter.store import Store

PAGE = 20
"""Lines at a time: with their evidence, a screen or two."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print an explanation from the database; the exporter may run meanwhile."""
    with Store.read(settings.db_path) as store:
        if options.day is not None:
            text = day_text(explain_day(store, options.day, options.source))
        else:
            offset = (options.page - 1) * PAGE
            text = figure_text(
                explain_figure(
                    store,
                    window=options.window,
                    figure=options.figure,
                    source=options.source,
                    at=options.at,
                    offset=offset,
                    limit=PAGE,
                )
            )
    print(text)
    return 0


def figure_text(explained: Explained) -> str:
    """Return a figure with its lines and what each was read from."""
    return "\n".join(printable(line) for line in _figure(explained))


def day_text(explained: DayExplained) -> str:
    """Return a day with both sides, its history and what it was read from."""
    return "\n".join(printable(line) for line in _day(explained))


def _figure(explained: Explained) -> Iterator[str]:
    figure = "no figure" if explained.usd is None else f"{plain(explained.usd)} USD"
    yield f"{explained.window}.{explained.figure}: {figure}, {explained.grade}"
    yield f"from {explained.start}, as of {explained.as_of}, snapshot {explained.epoch}-{explained.sequence}"
    yield from (f"  because {reason.source}: {reason.text}" for reason in explained.because)
    yield ""
    width = max((len(plain(line.usd)) for line, _ in explained.lines), default=0)
    for line, proofs in explained.lines:
        at = "" if line.at is None else f"{line.at:%Y-%m-%d %H:%M:%S}  "
        yield f"{plain(line.usd):>{width}}  {at}{line.what}"
        for proof in proofs:
            yield from _proof(proof, " " * (width + 2))
    last = explained.offset + len(explained.lines)
    if explained.count > len(explained.lines):
        yield f"lines {explained.offset + 1} to {last} of {explained.count}; --page for the others"
    yield ""
    if explained.usd is None:
        yield f"The known lines sum to {plain(explained.total)}; a part is missing, so there is no figure."
    elif explained.exact:
        yield f"The {explained.count} lines sum to {plain(explained.total)}: the figure, to the last digit."
    else:
        off = explained.usd - explained.total
        yield (
            f"The {explained.count} lines sum to {plain(explained.total)}, which is {plain(off)} from the "
            "figure: not all that was stored by then had been counted."
        )


def _day(explained: DayExplained) -> Iterator[str]:
    total = explained.total
    state = "billed" if total.billed is not None else "not billed yet: there is no drift"
    yield f"API cost of {explained.day}, UTC, in dollars: {state}"
    for name, rows in explained.tables.items():
        yield ""
        yield from _table(f"by {name}", (*rows, total))
    if total.drift is not None:
        drift = total.drift - explained.unestimated
        yield ""
        yield (
            f"{plain(explained.unestimated)} of the bill was never estimated; what was, drifted by "
            f"{_signed(drift)}."
        )
    if explained.unpriced:
        yield ""
        yield "not in the estimate, for want of a list price:"
        yield from (f"  {tokens} tokens of {model} ({why})" for model, why, tokens in explained.unpriced)
    yield ""
    yield "history:"
    for moment in explained.history:
        known = f", {moment.hours} hours known" if moment.what == "estimated" else ""
        yield f"  {moment.at:%Y-%m-%d %H:%M:%S}  {moment.what} {plain(moment.usd)}{known}"
    yield ""
    yield "read from:"
    for proof in explained.proofs:
        yield from _proof(proof, "  ")


def _table(title: str, rows: Sequence[Comparison]) -> Iterator[str]:
    cells = [(title, "estimated", "billed", "drift", "%")]
    cells += [
        (row.name, _text(row.estimate), _text(row.billed), _signed(row.drift), _percent(row)) for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for name, *amounts in cells:
        right = "  ".join(f"{amount:>{width}}" for amount, width in zip(amounts, widths[1:], strict=True))
        yield f"{name:<{widths[0]}}  {right}".rstrip()


def _proof(proof: Proof, indent: str) -> Iterator[str]:
    read = f"{proof.recorded_at:%Y-%m-%d %H:%M:%S}"
    yield f"{indent}{proof.kind} {proof.key}, revision {proof.revision}, read {read}"
    for answer in proof.answers:
        yield f"{indent}  {answer.request}"
        yield f"{indent}  sha256 {answer.sha256}"


def _text(amount: Decimal | None) -> str:
    return "-" if amount is None else plain(amount)


def _signed(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{'+' if amount > 0 else ''}{plain(amount)}"


def _percent(row: Comparison) -> str:
    return f"{row.drift / row.billed * 100:+.1f}" if row.drift is not None and row.billed else "-"
