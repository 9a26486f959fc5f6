"""The venue's lock: signatures of both key types, and the bodies that refuse."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from exporter.simulator import examples
from exporter.simulator.keys import RSA_FILE
from tests.simulator.callers import VENUE, Ask, private_key

BALANCE = f"{VENUE}/portfolio/balance"


@pytest.mark.parametrize("ed25519", [False, True], ids=["rsa", "ed25519"])
def test_signature_over_timestamp_method_and_path_is_accepted(ask: Ask, ed25519: bool) -> None:
    """RSA-PSS with a 32-byte salt and Ed25519 both open the account."""
    caller = ask(examples.reference_account())
    answer = caller.http.get(BALANCE, headers=caller.sign(BALANCE, ed25519=ed25519))
    assert answer.status_code == 200


def test_query_string_is_not_signed(ask: Ask) -> None:
    """A signature over the bare path is good for any query."""
    caller = ask(examples.reference_account())
    assert caller.venue("/portfolio/fills", limit=1).status_code == 200
    path = f"{VENUE}/portfolio/fills?limit=1"
    assert caller.http.get(path, headers=caller.sign(path)).status_code == 401


@pytest.mark.parametrize("change", ["method", "path", "timestamp", "other key", "garbage", "missing"])
def test_signature_over_anything_else_is_refused_with_the_venues_body(ask: Ask, change: str) -> None:
    """A wrong signature is 401 and says INCORRECT_API_KEY_SIGNATURE."""
    caller = ask(examples.reference_account())
    headers = caller.sign(BALANCE)
    if change == "method":
        headers = caller.sign(BALANCE, method="POST")
    elif change == "path":
        headers = caller.sign("/portfolio/balance")
    elif change == "timestamp":
        headers["KALSHI-ACCESS-TIMESTAMP"] = str(int(headers["KALSHI-ACCESS-TIMESTAMP"]) + 1)
    elif change == "other key":
        other = caller.sign(BALANCE, ed25519=True)["KALSHI-ACCESS-SIGNATURE"]
        headers["KALSHI-ACCESS-SIGNATURE"] = other
    elif change == "garbage":
        headers["KALSHI-ACCESS-SIGNATURE"] = "not base64!"
    else:
        del headers["KALSHI-ACCESS-SIGNATURE"]
    answer = caller.http.get(BALANCE, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "authentication_error"
    assert answer.json()["error"]["details"] == "INCORRECT_API_KEY_SIGNATURE"


@pytest.mark.parametrize("scheme", ["pkcs1v15", "salt 20"])
def test_other_rsa_padding_is_refused(ask: Ask, scheme: str) -> None:
    """PKCS#1 v1.5 and a salt of another length do not pass."""
    caller = ask(examples.reference_account())
    headers = caller.sign(BALANCE)
    key = private_key(caller.folder / RSA_FILE)
    assert isinstance(key, RSAPrivateKey)
    message = f"{headers['KALSHI-ACCESS-TIMESTAMP']}GET{BALANCE}".encode()
    pad = padding.PKCS1v15() if scheme == "pkcs1v15" else padding.PSS(padding.MGF1(hashes.SHA256()), 20)
    signature = key.sign(message, pad, hashes.SHA256())
    headers["KALSHI-ACCESS-SIGNATURE"] = base64.b64encode(signature).decode()
    assert caller.http.get(BALANCE, headers=headers).status_code == 401


def test_unknown_key_id_is_refused_as_an_invalid_parameter(ask: Ask) -> None:
    """The 401 for an unknown key differs from the one for a wrong signature."""
    caller = ask(examples.reference_account())
    answer = caller.http.get(BALANCE, headers=caller.sign(BALANCE) | {"KALSHI-ACCESS-KEY": "nobody"})
    assert (answer.status_code, answer.json()["error"]["details"]) == (401, "INVALID_PARAMETER")


def test_public_answers_need_no_signature(ask: Ask) -> None:
    """Markets and the exchange status are open."""
    caller = ask(examples.reference_account())
    assert caller.http.get(f"{VENUE}/markets").status_code == 200
    assert caller.http.get(f"{VENUE}/exchange/status").json()["trading_active"] is True


def test_clock_far_off_is_refused_only_where_the_world_checks_it(ask: Ask) -> None:
    """A world with a tolerance refuses a timestamp outside it."""
    world = examples.reference_account()
    caller = ask(world)
    headers = caller.sign(BALANCE)
    world.clock.advance(timedelta(minutes=5))
    assert caller.http.get(BALANCE, headers=headers).status_code == 200
    world.kalshi.clock_tolerance = 60.0
    assert caller.http.get(BALANCE, headers=headers).status_code == 401
    assert caller.venue("/portfolio/balance").status_code == 200


def test_budget_of_six_hundred_tokens_ends_in_a_string_429_and_refills(ask: Ask) -> None:
    """Sixty requests pass at once, then 429 without headers; a second later twenty more pass."""
    now = [0.0]
    caller = ask(examples.reference_account(), pace=lambda: now[0])
    headers = caller.sign(BALANCE)
    codes = [caller.http.get(BALANCE, headers=headers).status_code for _ in range(61)]
    assert codes == [200] * 60 + [429]
    refusal = caller.http.get(BALANCE, headers=headers)
    assert refusal.json() == {"error": "too many requests"}
    assert not [name for name in refusal.headers if "retry" in name or "ratelimit" in name]
    now[0] = 1.0
    codes = [caller.http.get(BALANCE, headers=headers).status_code for _ in range(21)]
    assert codes == [200] * 20 + [429]
