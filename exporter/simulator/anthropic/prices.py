"""What the made-up organization truly pays for its usage.

Source: Anthropic pricing page (read 2026-09) and price packages as of 2026-11.
Units:  list prices in US dollars per million tokens; results in cents.
Quirk:  a Haiku 5.5 prompt above 100k tokens costs five times as much, and no report says which did;
        priority usage is billed apart, so it has no cost here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from exporter.simulator.anthropic.book import CostLine, Usage

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

    def add(self, usage: Usage) -> None:
        """Count one usage line."""
        if usage.web_searches:
            self.searches[usage.workspace_id] = self.searches.get(usage.workspace_id, 0) + usage.web_searches
        if usage.service_tier == "priority":
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

    def lines(self) -> Iterable[CostLine]:
        """Return the bill's lines for what was counted."""
        for group, counts in self.tokens.items():
            yield from (_line(group, kind, count) for kind, count in counts.items() if count)
        for workspace, searches in self.searches.items():
            yield CostLine(searches * SEARCH_CENTS, "Web Search Usage", "web_search", workspace)


def _line(group: Group, kind: str, count: int) -> CostLine:
    workspace, model, tier, context, geo, speed = group
    price = PRICES[model]
    factor = (Decimal("0.5") if tier == "batch" else 1) * (Decimal("1.1") if geo == "us" else 1)
    words = f"{price.name} Usage - {KINDS[kind][1]}"
    if tier == "batch":
        words += " (Batch)"
    if geo == "us":
        words += " (US)"
    if speed == "fast":  # the twin of a standard row: every parsed field is the same
        words, factor = f"{words} (Fast Mode)", factor * 2
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
