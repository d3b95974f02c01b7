"""The command sweep."""

from convergan.cli.sweeps import choose_workers


def test_a_sweep_asks_for_gpus_where_its_runs_train_on_them() -> None:
    assert choose_workers(None, 0, "ray", "cuda").gpus == 1
    assert choose_workers(None, 0, "ray", "cpu").gpus == 0
