"""The settings: what each is called, may be, and is when nobody says anything."""

from __future__ import annotations

import difflib
from datetime import date
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from exporter.settings.entries import bare_host, calendar_day, origin, workspace_budget
from exporter.settings.fields import Amount, Commas, LocalPath, Url
from exporter.settings.instances import Instance

Port = Annotated[int, Field(ge=0, le=65_535)]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
Origin = Annotated[str, AfterValidator(origin)]
HostName = Annotated[str, AfterValidator(bare_host)]
FIXED_ZONES = {
    "EST": ("America/New_York", "Etc/GMT+5"),
    "MST": ("America/Denver", "Etc/GMT+7"),
    "HST": ("Pacific/Honolulu", "Etc/GMT+10"),
}
"""Old names that look like a place's time and are off by an hour for half of the year."""

WorkspaceBudget = Annotated[tuple[str, Decimal], BeforeValidator(workspace_budget)]


class Settings(BaseModel):
    """All settings but those of the sources, which are in `sources`.

    `names` in a field's extra are names that it answers to besides its own one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sources: tuple[Instance, ...] = Field(
        (),
        description="Which sources take part, separated by commas: each a name, or `hedge=kalshi` for one "
        "more of a kind, whose settings are then called `NORTHSTAR_HEDGE_...`.",
    )
    api_budget_usd: Amount | None = Field(
        None, description="What API cost may come to in a calendar month, in dollars."
    )
    api_workspace_budgets: Annotated[tuple[WorkspaceBudget, ...], Commas] = Field(
        (),
        description="The same for single workspaces: entries of workspace id (or `default`), `=` and "
        "dollars, separated by commas.",
    )
    api_credit_usd: Amount | None = Field(
        None, description="Prepaid Anthropic credit as the Console shows it, for how long it lasts."
    )
    api_credit_since: Annotated[date | None, BeforeValidator(calendar_day)] = Field(
        None, description="The day at whose beginning the credit stood so.", validate_default=True
    )
    timezone: str = Field("UTC", description="IANA zone whose midnight starts today, the month and the year.")
    mark_rule: Literal["bid", "mid", "last"] = Field(
        "bid", description="Price that open contracts are valued at: best bid, middle or last trade."
    )
    lot_rule: Literal["average", "fifo"] = Field(
        "average", description="Which contracts a partial close consumes: their average, or the oldest first."
    )
    db_path: LocalPath = Field(
        Path("data/northstar.sqlite3"),
        description="SQLite file that keeps everything.",
        json_schema_extra={"names": ["DB_PATH"]},
    )
    backup_folder: LocalPath | None = Field(
        None, description="Folder that verified copies of the database are kept in, made by the exporter."
    )
    backup_hours: Annotated[float, Field(ge=0.1, le=720)] = Field(
        24, description="Hours between two backups, when NORTHSTAR_BACKUP_FOLDER is set."
    )
    backups_kept: Annotated[int, Field(ge=1, le=1_000)] = Field(
        7,
        description="Backups that stay in that folder; older ones are deleted when a newer one is verified.",
    )
    aggregation_interval_ms: Annotated[int, Field(ge=100, le=3_600_000)] = Field(
        10_000,
        description="Longest time between two snapshots, in milliseconds.",
        json_schema_extra={"names": ["AGGREGATION_INTERVAL_MS"]},
    )
    snapshots_per_second: Annotated[float, Field(ge=0.1, le=100)] = Field(
        10, description="Most snapshots in a second while live quotes move."
    )
    host: str = Field("127.0.0.1", description="Address that page, stream and metrics listen on.")
    host_names: Annotated[tuple[HostName, ...], Commas] = Field(
        (),
        description="Names that page, stream and metrics are asked for by, besides those without a dot: a "
        "comma list such as pnl.example.com. Others are refused, because anybody can have one lead here.",
    )
    port: Port = Field(
        8080, description="Port of the page and the stream.", json_schema_extra={"names": ["PORT"]}
    )
    published_on_loopback: bool = Field(
        False,
        description="The address is reached from this machine alone, although it is not the loopback's: "
        "a container whose port is published on 127.0.0.1. The stream then asks for no token.",
    )
    origins: Annotated[tuple[Origin, ...], Commas] = Field(
        (),
        description="Web sites whose pages may show the figures (CORS): a comma list such as "
        "https://example.com. The stream's own page needs none.",
    )
    stream_clients: Annotated[int, Field(ge=1, le=100_000)] = Field(
        10_000, description="Most streams open at a time, all workers together; more are answered 503."
    )
    stream_clients_per_address: Annotated[int, Field(ge=1, le=100_000)] = Field(
        1_000, description="Most streams open from one address, all workers together; more are answered 429."
    )
    metrics_port: Port = Field(9108, description="Port of the exporter's /metrics.")
    metrics_web_config: LocalPath | None = Field(
        None,
        description="Web configuration file, as Prometheus' own exporters read it: TLS and the users of the "
        "exporter's /metrics.",
    )
    grafana_url: Url | None = Field(
        None, description="Grafana that the stream pushes today's figures to, for panels that move at once."
    )
    grafana_token_path: LocalPath | None = Field(
        None,
        description="File that holds a Grafana service account token; not needed where anybody may look.",
    )
    simulator_port: Port = Field(8099, description="Port of the simulator that the demo runs on.")
    raw_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        30, description="Days that snapshots can be read whole; older ones are kept per minute, hour, day."
    )
    full_minutes: Annotated[int, Field(ge=1, le=1_440)] = Field(
        60, description="Minutes that every single snapshot is kept, for clients that were away."
    )
    thin_seconds: Annotated[int, Field(ge=1, le=60)] = Field(
        10, description="Of older snapshots one every so many seconds is kept; divides 60."
    )
    demo: bool = Field(
        False, description="Marks every snapshot as demo data, and lets the pages of every site show it."
    )

    # Limits that alerts and dashboards compare with. What a loss may be, only its bearer knows: those
    # in dollars are off until they are set, but for the floors below which a spike is noise.
    limit_loss_today_usd: Amount | None = Field(
        None, description="Alert when today's net is a loss of more than this."
    )
    limit_drawdown_usd: Amount | None = Field(
        None,
        description="Alert when realised trading P&L fell by more than this from a peak of the last 7 days.",
    )
    limit_balance_usd: Amount | None = Field(
        None, description="Alert when the cash at the venue is less than this."
    )
    limit_position_usd: Amount | None = Field(
        None, description="Alert when one open position cost more than this."
    )
    limit_cost_spike_ratio: Amount = Field(
        Decimal(2), description="Alert when 24 hours of API cost so many times the same weekday's a week ago."
    )
    limit_cost_spike_usd: Amount = Field(
        Decimal(10), description="Less API cost than this in 24 hours is never a spike."
    )
    limit_cost_drift_ratio: Amount = Field(
        Decimal("0.05"),
        description="Alert when a bill is further from its estimate: prices are stale, or a rule is missing.",
    )
    limit_refund_spike_ratio: Amount = Field(
        Decimal(3), description="Alert when 24 hours of refunds are so many times an average day's."
    )
    limit_refund_spike_usd: Amount = Field(
        Decimal(100), description="Less refunds than this in 24 hours is never a spike."
    )
    limit_sales_silent_ratio: Amount = Field(
        Decimal(5),
        description="Alert when no sale came in the time that usually brings so many; by chance, 1 in 150.",
    )
    limit_snapshot_age_seconds: Amount = Field(
        Decimal(60),
        description="Age of the newest snapshot beyond which the exporter counts as stopped, for alerts, "
        "dashboards, health, page and widget; longer than AGGREGATION_INTERVAL_MS.",
    )
    limit_clock_skew_seconds: Amount = Field(
        Decimal(60),
        description="How far a source's clock may be from this machine's; beyond it an alert fires, and its "
        "figures are in doubt.",
    )
    limit_commit_seconds: Amount = Field(
        Decimal("0.1"),
        description="Alert when 1 commit in 100 takes longer: ten snapshots a second have no more time.",
    )
    limit_stream_late_ratio: Amount = Field(
        Decimal("0.001"),
        description="Share of deltas that may reach a client later than 50 ms; 0.001 promises 99.9 %.",
    )
    limit_disk_free_bytes: Amount = Field(
        Decimal(1_000_000_000), description="Alert when less is free where the database is: weeks, for most."
    )
    limit_backup_age_seconds: Amount | None = Field(
        None,
        description="Alert when no verified backup is newer; two of NORTHSTAR_BACKUP_HOURS and one hour when "
        "not set, so that one may fail. Off without backups.",
    )

    # How messages about alerts are sent; the secrets themselves are files that Alertmanager reads.
    alert_email_to: Address | None = Field(None, description="Who gets alerts by e-mail.")
    alert_email_from: Address | None = Field(
        None, description="Who e-mail about alerts comes from; whom it goes to, when not set."
    )
    alert_smtp_server: Annotated[str, Field(pattern=r"^[\w.-]+:\d+$")] | None = Field(
        None, description="Mail server, as in mail.example.com:587."
    )
    alert_smtp_user: str | None = Field(
        None, description="User at the mail server; whom e-mail goes to, when not set."
    )
    alert_grafana_url: Url = Field(
        "http://127.0.0.1:3000", description="Address of Grafana for links in messages about alerts."
    )
    alert_runbook_url: str = Field(
        "prometheus/runbook.md", description="Address of the runbook for links in messages about alerts."
    )

    @field_validator("api_credit_since")
    @classmethod
    def _both(cls, value: date | None, info: ValidationInfo) -> date | None:
        if (value is None) != (info.data.get("api_credit_usd") is None):
            raise ValueError("a credit needs both its amount and its day: set the other one, too")
        return value

    @field_validator("api_workspace_budgets")
    @classmethod
    def _one_each(cls, value: tuple[tuple[str, Decimal], ...]) -> tuple[tuple[str, Decimal], ...]:
        named = [workspace for workspace, _ in value]
        for workspace in named:
            if named.count(workspace) > 1:
                raise ValueError(f"it states the budget of {workspace} more than once")
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value in FIXED_ZONES:
            meant, fixed = FIXED_ZONES[value]
            raise ValueError(
                f'"{value}" never changes to summer time: say {meant}, or {fixed} if you do mean that'
            )
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            near = difflib.get_close_matches(value, available_timezones(), 1)
            hint = f": did you mean {near[0]}?" if near else " such as Europe/Zurich"
            raise ValueError(f'"{value}" is no IANA time zone{hint}') from error
        return value

    @field_validator("thin_seconds")
    @classmethod
    def _divides(cls, value: int) -> int:
        if 60 % value:
            raise ValueError("must divide 60, so that the last snapshot of each minute is one that is kept")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone."""
        return ZoneInfo(self.timezone)

    @property
    def limits(self) -> dict[str, dict[str, Decimal]]:
        """The limits that are set: by unit, then by name."""
        found: dict[str, dict[str, Decimal]] = {}
        set_to = {field: getattr(self, field) for field in type(self).model_fields}
        for field, value in (set_to | {"limit_backup_age_seconds": self._backup_age}).items():
            if field.startswith("limit_") and value is not None:
                name, _, unit = field.removeprefix("limit_").rpartition("_")
                found.setdefault(unit, {})[name] = value
        return found

    @property
    def _backup_age(self) -> Decimal | None:
        if self.backup_folder is None:
            return None
        return self.limit_backup_age_seconds or 2 * Decimal(str(self.backup_hours)) * 3_600 + 3_600

    @property
    def names(self) -> tuple[str, ...]:
        """The names that we are asked for by."""
        return (*self.host_names, self.host)

    @property
    def routable(self) -> bool:
        """Whether others than this machine can reach the address that is listened on."""
        if self.published_on_loopback or self.host == "localhost":
            return False
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return True
