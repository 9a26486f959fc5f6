"""The trading venue: its account (`account`), answers (`rows`), routes (`api`), locks (`gate`) and story."""
