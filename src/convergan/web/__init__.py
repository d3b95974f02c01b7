"""What the pages of this package have in common: one server, one set of headers, one look."""
