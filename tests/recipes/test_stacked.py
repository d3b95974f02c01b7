"""The plain game on Stacked MNIST."""

from convergan.recipes import describe_training, find_recipe


def test_stacked_digits_are_judged_in_the_setting_of_pacgan() -> None:
    recipe = find_recipe("stacked")
    assert recipe.data == "stacked-mnist" and recipe.batch_size == 64
    assert recipe.judged_samples == 26_000


def test_the_long_games_differ_in_length_and_schedule_alone() -> None:
    short, long = (
        describe_training(find_recipe(name))
        for name in ("stacked-relativistic", "stacked-long-relativistic")
    )
    differ = {field for field in short if short[field] != long[field]}
    assert differ == {"steps", "schedule"}
    schedule = find_recipe("stacked-long-relativistic").schedule
    assert [schedule(progress) for progress in (0, 0.5, 0.75)] == [1, 1, 0.5]
