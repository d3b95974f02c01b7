"""One training in several processes: batches are shared, gradients and requests added up."""

from .process_group import rows_shared as rows_shared
from .ranks import ALONE as ALONE
from .ranks import PeerLeftError as PeerLeftError
from .ranks import PeerLostError as PeerLostError
from .ranks import Ranks as Ranks
from .ranks import join as join
from .sharing import UNSHARED as UNSHARED
from .sharing import BatchSharing as BatchSharing
from .sharing import Requests as Requests
from .sharing import Sharing as Sharing
from .sharing import all_whole as all_whole
from .sharing import average as average
from .sharing import batch_statistics as batch_statistics
from .sharing import draw_like as draw_like
from .sharing import gathered as gathered
from .sharing import is_alone as is_alone
from .sharing import mean_gradients as mean_gradients
from .sharing import own as own
from .sharing import own_first as own_first
from .sharing import share_batches as share_batches
from .sharing import use_sharing as use_sharing
from .sharing import whole as whole
from .sharing import whole_count as whole_count
