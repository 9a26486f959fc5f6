"""The three upstream services, played over real HTTP from one made-up world.

`world` holds the books (`kalshi`, `anthropic`, `sales`, a package each) and the one clock; `stories`
gives a seeded world its past and its present. `app` puts the services on one port, `trouble` breaks
their answers as the dial in `faults` says, `oracle` tells what is true. `server` runs it all;
`keys` makes the credentials; `examples` has ready worlds whose figures were worked by hand.

    with serve_in_thread(examples.reference_account()) as simulator:
        httpx.get(simulator.url + "/oracle").json()

Nothing here imports the program under test: its figures are computed a second time, independently.
"""
