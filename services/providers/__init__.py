"""The e-mail clients: one folder each, spoken to only through `protocols` and chosen only through `registry`."""
