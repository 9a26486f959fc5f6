"""The three upstream services, played over real HTTP from one made-up world.

`world` holds the books (`kalshi`, `anthropic`, `sales`, a package each) and the one clock; `stories`
gives a seeded world its past and its present. `app` puts the services on one port, `trouble` breaks
their answers as the dial in `faults` says, `oracle` tells what is true. `server` runs it all;
`keys` makes the credentials; `examples` has ready worlds whose figures were worked by hand.

Every accounting case of the venue is a function in `kalshi/cases.py`; `kalshi/crowd.py` holds a past
of a million fills compactly (`seeded(fills=1_000_000)`, `server.run(fills=...)`).

What a test may choose of the venue, on `world.kalshi`:

    lot_rule              "average" or "fifo": realised P&L and exposure that positions report
    archive               Archive(retention, positions, overlap, step, ignores_subaccount)
    socket                SocketOptions(ping_seconds, buffer, quote_seconds, repeats)
    settlement_fee_shown  a sub-cent payout's rest as a fee instead of a smaller payout
    clock_tolerance       seconds a signed timestamp may be off
    extra_fields          unknown fields in rows

    with serve_in_thread(examples.reference_account()) as simulator:
        httpx.get(simulator.url + "/oracle").json()

Nothing here imports the program under test: its figures are computed a second time, independently.
"""
