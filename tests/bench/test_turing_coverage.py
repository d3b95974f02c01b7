from bench.turing_coverage import coverage


def test_intervals_over_annotators_are_wider_and_cover_more_than_pooled_ones() -> None:
    found = coverage(people=20, studies=40)
    pooled, over, crossed = (
        found[name]
        for name in ("pooled, Wilson", "annotator bootstrap", "crossed, annotators x images")
    )
    assert pooled[0] < over[0] and over[0] > 0.8
    assert 2 * pooled[1] < over[1] < crossed[1]
