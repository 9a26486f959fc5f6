"""The usage and cost reports: their books (`book`), answers (`reports`), routes (`api`), prices and story."""
