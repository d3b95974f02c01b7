"""Both kinds of database, as for the tests of the study."""

from tests.databases import server as server
