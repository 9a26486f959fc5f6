"""What the user sets: the model, the entries that are more than a word, and how it is read."""

from exporter.settings.entries import PRICE_KINDS
from exporter.settings.model import SOURCES, Settings
from exporter.settings.reading import SECRETS, missing, names, read

__all__ = ["PRICE_KINDS", "SECRETS", "SOURCES", "Settings", "missing", "names", "read"]
