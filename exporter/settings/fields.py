"""What a setting may be, for the models of every room, and what the settings of all sources have."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from exporter.settings.entries import StatedCash, address, home, separated, stated_cash

Seconds = Annotated[float, Field(ge=0.2, le=86_400)]
Amount = Annotated[Decimal, Field(gt=0)]
Url = Annotated[str, AfterValidator(address("http", "https"))]
SocketUrl = Annotated[str, AfterValidator(address("ws", "wss"))]
LocalPath = Annotated[Path, AfterValidator(home)]
Commas = BeforeValidator(separated(","))
Semicolons = BeforeValidator(separated(";\n"))
Cash = Annotated[StatedCash, BeforeValidator(stated_cash)]


class SourceSettings(BaseModel):
    """What one source is told. A field without a default is what it cannot connect without.

    Each field has a description. `names` in a field's extra are names that it answers to besides its own
    one, for the source that is called as its definition is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    interval_seconds: Seconds = Field(60, description="Time between two readings.")


class VenueSettings(SourceSettings):
    """What a trading venue is told besides: cash that it states in its balance alone."""

    other_cash: Annotated[tuple[Cash, ...], Semicolons] = Field(
        (),
        description="Interest, incentives and the like, in the venue's balance but in none of its lists: "
        "entries of day, what it was and dollars, separated by `;`.",
    )
