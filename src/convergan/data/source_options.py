"""What a user says of a source where it cannot be known, or should not be guessed."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How a source is read.

    Attributes:
        follow_links: follow links out of a folder of images; those that stay inside always are.
        image_column: of a table of images, such as Parquet files; None for the only one.
        label_column: likewise; None for the only one, empty for no labels.
        split: of such a table, to learn from; None for ``train``, or the only one.
        test_split: to measure on; None for the first that is there of `TEST_SPLITS`, empty for
            none.
    """

    follow_links: bool = False
    image_column: str | None = None
    label_column: str | None = None
    split: str | None = None
    test_split: str | None = None


PLAIN = SourceOptions()
"""Nothing said."""
TRAIN_SPLIT = "train"
TEST_SPLITS = ("test", "validation", "val", "valid", "dev")
"""Names of splits to measure on, and of folders with them."""
