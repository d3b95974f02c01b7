"""Both kinds of database, as for the tests of the study."""

from tests.turing.conftest import server as server
