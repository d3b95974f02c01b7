from convergan.data import SourceOptions
from convergan.data.source_options import PLAIN, TEST_SPLITS


def test_nothing_said_follows_no_link_and_names_nothing() -> None:
    assert PLAIN == SourceOptions(
        follow_links=False, image_column=None, label_column=None, split=None, test_split=None
    )
    assert TEST_SPLITS[0] == "test"
