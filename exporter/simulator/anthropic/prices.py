"""What the made-up organization truly pays for its usage.

Source: Anthropic pricing page (read 2026-09) and price packages as of 2026-11.
Units:  list prices in US dollars per million tokens; results in cents.
Quirk:  a Haiku 5.5 prompt above 100k tokens costs five times as much, and no report says which did;
        priority usage is billed apart, so it has no cost here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from exporter.simulator.anthropic.lines import CostLine, Usage

MILLION = Decimal(1_000_000)
SEARCH_CENTS = Decimal(1)  # ten dollars per thousand searches


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens, and the name that bills use."""

    name: str
    input: Decimal
    output: Decimal
    read: Decimal

    def of(self, token_type: str) -> Decimal:
        """Return the price of one kind of token; cache writes cost 1.25 and 2 times the input."""
        return {
            "uncached_input_tokens": self.input,
            "cache_creation.ephemeral_5m_input_tokens": self.input * Decimal("1.25"),
            "cache_creation.ephemeral_1h_input_tokens": self.input * 2,
            "cache_read_input_tokens": self.read,
            "output_tokens": self.output,
        }[token_type]


PRICES = {
    "claude-opus-5-5": Price("Claude Opus 5.5", Decimal(4), Decimal(20), Decimal("0.20")),
    "claude-sonnet-5-5": Price("Claude Sonnet 5.5", Decimal(2), Decimal(10), Decimal("0.10")),
    "claude-sonnet-4-6": Price("Claude Sonnet 4.6", Decimal(3), Decimal(15), Decimal("0.30")),
    "claude-haiku-5-5": Price("Claude Haiku 5.5", Decimal("0.10"), Decimal("0.50"), Decimal("0.01")),
    # A model that no public price table has: its price is the bill's secret.
    "claude-nova-1": Price("Claude Nova 1", Decimal(6), Decimal(30), Decimal("0.30")),
}
SINCE = date(2025, 1, 1)  # before anything that is simulated


class PriceList:
    """Prices by model and UTC day. `change` a price before the days that it should hold for are billed."""

    def __init__(self) -> None:
        self._changes = {name: [(SINCE, price)] for name, price in PRICES.items()}
        before = replace(PRICES["claude-sonnet-5-5"], read=Decimal("0.20"))
        self._changes["claude-sonnet-5-5"] = [(SINCE, before)]
        self.change("claude-sonnet-5-5", date(2026, 10, 7), read=Decimal("0.10"))

    def change(
        self,
        model: str,
        since: date,
        *,
        input: Decimal | None = None,
        output: Decimal | None = None,
        read: Decimal | None = None,
    ) -> None:
        """Let a model cost something else from a day on; what is not given stays."""
        now = self.on(model, since)
        changed = Price(now.name, input or now.input, output or now.output, read or now.read)
        self._changes[model].append((since, changed))
        self._changes[model].sort(key=lambda change: change[0])

    def on(self, model: str, day: date) -> Price:
        """Return the prices of a model on a day."""
        return [price for since, price in self._changes[model] if since <= day][-1]


KINDS = {  # token type -> (field of Usage, words on the bill)
    "uncached_input_tokens": ("uncached_input", "Input Tokens"),
    "output_tokens": ("output", "Output Tokens"),
    "cache_read_input_tokens": ("cache_read", "Cache Read"),
    "cache_creation.ephemeral_5m_input_tokens": ("cache_write_5m", "Cache Write 5m"),
    "cache_creation.ephemeral_1h_input_tokens": ("cache_write_1h", "Cache Write 1h"),
}
Group = tuple[str | None, str, str, str, str, str]  # workspace, model, tier, context, geography, speed


class Tally:
    """A day's usage added up until it is priced: counts of tokens, long prompts counted five times."""

    def __init__(self) -> None:
        self.tokens: dict[Group, dict[str, int]] = {}
        self.searches: dict[str | None, int] = {}

    def add(self, usage: Usage, *, priority: bool = False) -> None:
        """Count one usage line; the priority tier is billed apart, unless it is asked for."""
        if usage.web_searches:
            self.searches[usage.workspace_id] = self.searches.get(usage.workspace_id, 0) + usage.web_searches
        if usage.service_tier == "priority" and not priority:
            return
        group = (
            usage.workspace_id,
            usage.model,
            usage.service_tier,
            usage.context_window,
            usage.inference_geo,
            usage.speed,
        )
        counts = self.tokens.setdefault(group, dict.fromkeys(KINDS, 0))
        weight = 5 if usage.long_prompt else 1
        for kind, (name, _) in KINDS.items():
            counts[kind] += weight * int(getattr(usage, name))

    def lines(self, day: date, prices: PriceList, *, twins: bool = True) -> Iterable[CostLine]:
        """Return the lines of a day's bill for what was counted; `twins` gives fast mode lines of its own."""
        for group, counts in self.tokens.items():
            price = prices.on(group[1], day)
            yield from (_line(price, group, kind, count, twins) for kind, count in counts.items() if count)
        for workspace, searches in self.searches.items():
            yield CostLine(searches * SEARCH_CENTS, "Web Search Usage", "web_search", workspace)


def _line(price: Price, group: Group, kind: str, count: int, twins: bool) -> CostLine:
    workspace, model, tier, context, geo, speed = group
    factor = (Decimal("0.5") if tier == "batch" else 1) * (Decimal("1.1") if geo == "us" else 1)
    factor *= 2 if speed == "fast" else 1
    words = f"{price.name} Usage - {KINDS[kind][1]}"
    if tier == "batch":
        words += " (Batch)"
    if geo == "us":
        words += " (US)"
    if speed == "fast" and twins:  # the twin of a standard row: every parsed field is the same
        words += " (Fast Mode)"
    return CostLine(
        100 * factor * price.of(kind) * count / MILLION,
        words,
        "tokens",
        workspace,
        model,
        tier,
        kind,
        context,
        geo,
    )
