"""Few-label classifiers of tables in files: CSV, tab-separated text and Parquet."""

from .fitting import Choices as Choices
from .fitting import Effort as Effort
from .fitting import fit_table as fit_table
from .fitting import open_table as open_table
from .judging import judge_rows as judge_rows
from .model_folder import read_model as read_model
from .model_folder import require_new as require_new
from .model_folder import write_model as write_model
from .prediction import predict_table as predict_table
from .reading import require_suffix as require_suffix
from .reading import write_table as write_table
