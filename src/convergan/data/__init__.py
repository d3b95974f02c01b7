"""Files to tensors to batches."""

from .batches import KINDS as KINDS
from .batches import Batch as Batch
from .batches import Batches as Batches
from .batches import to_unit_range as to_unit_range
from .dataset import Dataset as Dataset
from .dataset import Images as Images
from .dataset import LazyImages as LazyImages
from .dataset import Rows as Rows
from .image_files import DataError as DataError
from .image_files import ImageFiles as ImageFiles
from .image_files import ImageRows as ImageRows
from .image_files import ImageSet as ImageSet
from .label_spreading import spread_labels as spread_labels
from .labeled_subset import LabeledSubset as LabeledSubset
from .labeled_subset import draw_labeled_subset as draw_labeled_subset
from .neighbors import Neighbors as Neighbors
from .neighbors import nearest_neighbors as nearest_neighbors
from .neighbors import principal_axes as principal_axes
from .oriented_gradients import oriented_gradients as oriented_gradients
from .sources import load as load
from .stacked import stack_digits as stack_digits
from .streamed import Streaming as Streaming
from .tangent_distance import tangent_neighbors as tangent_neighbors
from .toy import MIXTURES as MIXTURES
from .toy import TOY_STD as TOY_STD
from .upright import upright as upright
