"""Every export there is. A new one is one entry here."""

from __future__ import annotations

from exporter.reports.exports.cost import API_COST
from exporter.reports.exports.figures import DAYS, STATEMENT
from exporter.reports.exports.sales import REFUNDS, SALES
from exporter.reports.exports.trading import FILLS, SETTLEMENTS, TRANSFERS

EXPORTS = {
    export.name: export
    for export in (FILLS, SETTLEMENTS, SALES, REFUNDS, API_COST, TRANSFERS, DAYS, STATEMENT)
}
