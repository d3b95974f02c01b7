"""The clock by which people are away."""

from convergan.turing.study.progress import ProgressClock


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000.0, 0.0

    def run(self) -> ProgressClock:
        return ProgressClock(lambda: self.wall, lambda: self.steady)


def test_a_clock_that_is_set_back_or_forth_moves_nobody() -> None:
    machine = Machine()
    clock = machine.run()
    for jump in (8 * 3600.0, -20 * 3600.0):
        before = clock()
        machine.wall += jump
        assert clock() == before
        machine.steady += 60
        assert clock() == before + 60


def test_nobody_has_been_away_for_longer_than_the_server_runs() -> None:
    machine = Machine()
    clock = machine.run()
    assert clock.left_before(600) is None
    machine.steady += 599
    assert clock.left_before(600) is None
    machine.steady += 1
    assert clock.left_before(600) == 1_000_000.0
    machine.steady += 600
    assert clock.left_before(600) == 1_000_600.0
