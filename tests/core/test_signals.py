import os
import signal
import threading

import pytest

from convergan.core.signals import STOPPING, Interrupted, obeyed, stopping


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_to_stop_leaves_the_block_at_once(number: signal.Signals) -> None:
    before = [signal.getsignal(known) for known in STOPPING]
    with pytest.raises(Interrupted, match=f"stopped by {number.name} while waiting") as found:
        with stopping("while waiting"):
            signal.raise_signal(number)
            raise AssertionError("the block went on")
    assert found.value.number == number
    assert [signal.getsignal(known) for known in STOPPING] == before


def test_errors_of_the_block_are_left_alone() -> None:
    with pytest.raises(OSError, match="full"), stopping("while writing"):
        raise OSError("full")


def test_another_thread_than_the_main_one_keeps_its_signals() -> None:
    seen = []

    def work() -> None:
        with stopping("while working"):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_a_signal_that_the_parent_left_blocked_is_obeyed_all_the_same() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        with obeyed() as wishes:
            os.kill(os.getpid(), signal.SIGINT)
            assert wishes.stop == signal.SIGINT
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
