from bench.dcgan import TECHNIQUES, Trained, table


def test_the_table_has_a_line_for_each_technique_and_a_figure_for_each_seed() -> None:
    trained = [
        Trained("top-k", 1, 30, 2.5, 9.0),
        Trained("nothing", 0, 20, 3.5, 10.0),
        Trained("top-k", 0, 40, 1.5, 11.0),
    ]
    *_, first, second = table(trained).splitlines()
    assert first.split(" | ")[2:] == ["40, 30", "1.50, 2.50", "10 |"]
    assert second == "| nothing | 0 | 20 | 3.50 | 10 |"
    assert first.startswith(f"| {list(TECHNIQUES)[-2]} | ")
