"""The whole program over real HTTP: simulated upstreams at one end, /metrics and the stream at the other.

A package, unlike its neighbours, so that its modules may be named after what they ask although
another folder asks the same of one part.
"""
