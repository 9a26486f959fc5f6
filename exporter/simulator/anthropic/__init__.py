"""The organization: books (`book`, `lines`, `prices`), answers (`reports`, `analytics`), routes, story.

What no document settles is turned at `dials`.
"""
