"""Validation of upstream answers: the types they are made of, each strict about what it accepts.

Units:  money becomes Decimal dollars, a time becomes an aware UTC datetime with microseconds.
Quirk:  an unknown extra field is ignored, since upstreams add some every month; anything else
        that is unexpected is refused here, before a figure could be made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from exporter.money import ZERO, parse_cent_string, parse_cents, parse_dollars
from exporter.records.printable import OBEYED, printable

ONE = Decimal(1)
MAX_TEXT = 4_096
"""No id or label of an upstream comes near this; a longer one would only fill the database."""

MAX_TOKENS = 10**15
"""Tokens in an hour. A thousand million million is far beyond any account, and far inside 64 bits."""

MOST_SUBACCOUNTS = 63
"""The highest number the venue gives, the primary one being zero."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No upstream existed before and nobody runs this after: a time outside is in the wrong unit."""


class Shape(BaseModel):
    """Base of every upstream shape; a validation error of it must never quote what it read."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    def check(self) -> None:
        """Raise OddRow where fields that must agree do not, each being as agreed by itself."""


def parse_time(text: object) -> datetime:
    """Return the UTC time that an RFC 3339 text states, with up to six fractional digits."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with offset")
    return _plausible(datetime.fromisoformat(text)).astimezone(UTC)


def parse_unix(seconds: object) -> datetime:
    """Return the UTC time that whole Unix seconds (a JSON integer) state."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < 1 << 40:
        raise ValueError("must be whole Unix seconds")
    return _plausible(datetime.fromtimestamp(seconds, UTC))


def _plausible(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("is not a plausible time")
    return moment


def _within(low: Decimal | None, high: Decimal | None = None) -> Callable[[Decimal], Decimal]:
    """Return a check that an amount lies between two bounds, both allowed."""

    def check(amount: Decimal) -> Decimal:
        if (low is not None and amount < low) or (high is not None and amount > high):
            raise ValueError("is out of range")
        return amount

    return check


def _shown(text: str) -> str:
    if OBEYED.search(text):
        raise ValueError("holds a control character")
    return text


def _more_than_zero(amount: Decimal) -> Decimal:
    if amount <= ZERO:
        raise ValueError("must be more than zero")
    return amount


Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_shown)]
Label = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(printable)]
Moment = Annotated[datetime, PlainValidator(parse_time)]
UnixSeconds = Annotated[datetime, PlainValidator(parse_unix)]
Dollars = Annotated[Decimal, PlainValidator(parse_dollars)]
NoLessThanZero = Annotated[Decimal, PlainValidator(parse_dollars), AfterValidator(_within(ZERO))]
MoreThanZero = Annotated[Decimal, PlainValidator(parse_dollars), AfterValidator(_more_than_zero)]
Price = Annotated[Decimal, PlainValidator(parse_dollars), AfterValidator(_within(ZERO, ONE))]
Cents = Annotated[Decimal, PlainValidator(parse_cents), AfterValidator(_within(ZERO))]
ContractValueCents = Annotated[Decimal, PlainValidator(parse_cents), AfterValidator(_within(ZERO, ONE))]
CentString = Annotated[Decimal, PlainValidator(parse_cent_string)]
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]
Subaccount = Annotated[int, Field(ge=0, le=MOST_SUBACCOUNTS)]


def first_trouble(error: ValidationError) -> tuple[str, str]:
    """Return (dotted field without indexes, what is wrong) of the first problem; `body` for the whole."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(part for part in problem["loc"] if isinstance(part, str)) or "body"
    return field, _in_words(problem["type"], problem["msg"])


def _in_words(kind: str, message: str) -> str:
    """Return a problem in plain words."""
    if kind == "missing":
        return "is missing"
    if kind == "json_invalid":
        return "is not JSON"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"is not as agreed ({message[0].lower()}{message[1:]})"
