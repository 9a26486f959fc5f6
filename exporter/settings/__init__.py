"""What the user sets: the model, the entries that are more than a word, and how it is read."""

from exporter.settings.fields import SourceSettings, VenueSettings
from exporter.settings.instances import Instance, SourceEntry, is_name
from exporter.settings.model import Settings
from exporter.settings.reading import GLOBAL, missing
from exporter.settings.section import PREFIX, Section

__all__ = [
    "GLOBAL",
    "PREFIX",
    "Instance",
    "Section",
    "Settings",
    "SourceEntry",
    "SourceSettings",
    "VenueSettings",
    "is_name",
    "missing",
]
