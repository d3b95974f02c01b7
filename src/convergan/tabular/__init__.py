"""Few-label classifiers of tables in files: CSV, tab-separated text and Parquet."""

from ..data.text_tables import TextFormat as TextFormat
from .assessment import assess_rows as assess_rows
from .fitting import FitOptions as FitOptions
from .fitting import TableOptions as TableOptions
from .fitting import fit_table as fit_table
from .fitting import read_training_table as read_training_table
from .model_folder import read_model as read_model
from .model_folder import require_new as require_new
from .model_folder import write_model as write_model
from .naming import parse_names as parse_names
from .prediction import predict_table as predict_table
from .reading import TableFormat as TableFormat
from .reading import require_suffix as require_suffix
from .reading import write_table as write_table
