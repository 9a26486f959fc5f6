// The shape of the income statement. It is a file and no route: the widget is one module, and has its lines before it
// has asked anybody anything. It is made from exporter/snapshot/components.py; `python -m tests.test_docs` writes it anew.

// <statement>
export const STATEMENT = [
  {
    "kind": "venue",
    "title": "Trading",
    "lines": {
      "trading_realised": "Realised",
      "trading_unrealised_change": "Unrealised, change",
      "trading_fees": "Fees"
    }
  },
  {
    "kind": "sales",
    "title": "Sales",
    "lines": {
      "sales_gross": "Gross",
      "sales_refunds": "Refunds",
      "sales_fees": "Fees"
    }
  },
  {
    "kind": "api_cost",
    "title": "API cost",
    "lines": {
      "api_cost_billed": "Billed",
      "api_cost_estimated": "Estimated"
    }
  }
];
// </statement>
