"""The rows of each study, and how studies and tables are found by name."""

import pytest

from convergan.recipes import RECIPES
from convergan.sweeps.paper_tables import TABLES
from convergan.sweeps.studies import STUDIES, require_table


@pytest.mark.parametrize("name", STUDIES)
def test_every_arm_has_a_recipe_that_there_is_and_no_two_are_the_same(name: str) -> None:
    study = STUDIES[name]
    assert study.name == name and study.arms
    assert {arm.recipe for arm in study.arms} <= RECIPES.keys()
    for rows in ({(a.name, a.data) for a in study.arms}, {(a.recipe, a.data) for a in study.arms}):
        assert len(rows) == len(study.arms)
    assert set(study.default_data) <= {arm.data for arm in study.arms}
    assert all(arm.seeds >= 1 for arm in study.arms)


@pytest.mark.parametrize("name", STUDIES)
def test_the_arms_of_all_data_together_are_those_of_the_study(name: str) -> None:
    study = STUDIES[name]
    sources = dict.fromkeys(arm.data for arm in study.arms)
    assert [arm for source in sources for arm in study.arms_on(source)] == list(study.arms)
    for source in sources:
        assert {arm.data for arm in study.arms_on(source)} == {source}


def test_the_collapse_study_compares_each_pair_with_its_plain_game() -> None:
    study = STUDIES["collapse"]
    for source, pair, seeds in (
        ("ring", "toy", 5),
        ("grid", "toy", 5),
        ("stacked-mnist", "stacked", 2),
    ):
        first, *others = study.arms_on(source)
        assert (first.name, first.recipe, first.seeds) == ("plain", pair, seeds)
        assert others and all(arm.recipe.startswith(f"{pair}-") for arm in others)
        assert "pacgan 2" in {arm.name for arm in others}


def test_the_papers_scores_are_on_cifar10_alone_and_fall_from_row_to_row() -> None:
    study = STUDIES["ablations"]
    of_paper = [arm.paper for arm in study.arms_on("uoft-cs/cifar10")]
    means = [figure.mean for figure in of_paper if figure is not None]
    assert len(means) == len(of_paper) == 6 and means == sorted(means, reverse=True)
    for source in ("ylecun/mnist", "zalando-datasets/fashion_mnist"):
        assert [arm.paper for arm in study.arms_on(source)] == [None] * 6


def test_a_source_that_a_study_lacks_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ValueError, match="no data of the study collapse 'rings'; did you mean ring"
    ):
        STUDIES["collapse"].arms_on("rings")


@pytest.mark.parametrize("name", [*TABLES, *STUDIES])
def test_tables_and_studies_are_found_by_name(name: str) -> None:
    require_table(name)


@pytest.mark.parametrize(("name", "near"), [("colapse", "collapse"), ("svhn_table", "svhn-table")])
def test_another_name_is_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"no table '{name}'; did you mean {near}"):
        require_table(name)
