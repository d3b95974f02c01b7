from convergan.labeling.items import Fields, Items, Passage, Picture
from convergan.labeling.photo_items import PhotoItems
from convergan.labeling.table_items import TableItems
from tests.labeling.fakes import digits


def test_cards_are_told_apart_by_their_type() -> None:
    cards = [Picture(b"", "image/png"), Fields([("a", "b")]), Passage("text", [])]
    assert len({type(card) for card in cards}) == 3


def test_all_kinds_of_items_have_what_the_protocol_names() -> None:
    names = set(Items.__annotations__) | {"rows", "card", "fill"}
    found = digits()
    assert all(hasattr(found, name) for name in names)
    for kind in (PhotoItems, TableItems):
        assert names <= set(kind.__dataclass_fields__) | set(vars(kind))
