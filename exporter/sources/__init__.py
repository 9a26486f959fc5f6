"""Where figures come from: one folder per company, each with its definition, its client and its rows.

A new source is a folder here with a `definition.py` and a line in `registry.BUILT_IN`, or a package of its
own with an entry point in the group `northstar.sources`.
"""
