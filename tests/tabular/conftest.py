import pytest

from convergan.tabular import FitOptions, TableOptions, fit_table, read_training_table
from convergan.tabular.fitting import TableFit, TrainingTable
from tests.tabular.tables import iris

QUICK = FitOptions(max_epochs=1, device="cpu")


@pytest.fixture(scope="session")
def fitted_iris(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingTable, TableFit]:
    """The table of iris with five labels a class and a number of each row, and a fit to it."""
    file = tmp_path_factory.mktemp("iris") / "iris.csv"
    table = iris(["a", "b", "c"])
    table.insert(0, "row", [f"r{number}" for number in range(150)])
    table.to_csv(file, index=False)
    rows = read_training_table(file, TableOptions(target="kind", drop=["row"]))
    return rows, fit_table(rows, QUICK)
