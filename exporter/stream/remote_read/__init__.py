"""The past for Prometheus, by its own remote read: a query that names our daily series is answered from here.

Bound:  whatever is sent, a request costs a bounded time and memory, and what is wrong with it is a sentence.
Floats: amounts are Decimal up to the samples; this is Prometheus' edge.
"""
