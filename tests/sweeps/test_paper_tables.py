import pytest

from convergan.recipes import RECIPES
from convergan.sweeps.paper_tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_every_table_names_a_recipe_that_there_is(name: str) -> None:
    assert TABLES[name].recipe in RECIPES


@pytest.mark.parametrize("name", TABLES)
def test_labels_grow_over_a_table_and_an_ensemble_is_better_than_a_single_run(name: str) -> None:
    columns = TABLES[name].columns
    assert sorted({column.labels for column in columns}) == list(TABLES[name].labels)
    for column in columns:
        assert column.single.std is not None
        assert column.ensemble is None or column.ensemble.mean < column.single.mean
    singles = [column.single.mean for column in columns]
    assert singles == sorted(singles, reverse=True)
