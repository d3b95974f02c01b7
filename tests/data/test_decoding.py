import pytest

from convergan.data.decoding import read_ahead, some


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_reading_ahead_keeps_the_order_and_refuses_fewer_than_no_workers(workers: int) -> None:
    found = read_ahead(lambda number: number**2, 7, workers=workers, ahead=2)
    assert list(found) == [number**2 for number in range(7)]
    with pytest.raises(ValueError, match="^workers must not be negative, got -1$"):
        next(read_ahead(lambda number: number, 7, workers=-1, ahead=2))


def test_many_items_are_named_up_to_twenty() -> None:
    names = [str(number) for number in range(23)]
    assert some(names[:20]) == ", ".join(names[:20])
    assert some(names) == ", ".join(names[:20]) + " and 3 more"
