"""The sentences about settings of a source that another package brings."""

from __future__ import annotations

import pytest
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from exporter.settings import Section, SourceSettings


class Brought(SourceSettings):
    """Settings with checks of their own, one of a secret, one of the whole."""

    key: SecretStr = Field(SecretStr(""), description="Its key.")
    first: int = Field(1, description="A number.")
    last: int = Field(2, description="A larger one.")

    @field_validator("key")
    @classmethod
    def _plain(cls, value: SecretStr) -> SecretStr:
        if " " in value.get_secret_value():
            raise ValueError(f"there is a blank in {value.get_secret_value()}")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Brought:
        if self.first > self.last:
            raise ValueError("The first is larger than the last")
        return self


SECTION = Section(Brought, "NORTHSTAR_SHOP_")


def sentences(**values: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Brought.model_validate(values)
    return SECTION.sentences(caught.value)


def test_a_mistake_of_one_setting_has_its_name() -> None:
    """The name that the user writes."""
    [said] = sentences(first="two")
    assert said.startswith("NORTHSTAR_SHOP_FIRST is wrong: input should be a valid integer")


def test_a_mistake_of_several_together_has_the_prefix_of_all() -> None:
    """No single one of them is wrong."""
    assert sentences(first=3) == ["NORTHSTAR_SHOP_... is wrong: the first is larger than the last."]


def test_what_a_check_says_of_a_secret_is_dropped() -> None:
    """Whoever wrote it has seen the value."""
    assert sentences(key="half of it") == ["NORTHSTAR_SHOP_KEY is wrong."]
