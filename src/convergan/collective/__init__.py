"""One training in several processes: rows shared out, gradients and requests added up."""

from .ranks import ALONE as ALONE
from .ranks import PeerLeftError as PeerLeftError
from .ranks import PeerLostError as PeerLostError
from .ranks import Ranks as Ranks
from .ranks import join as join
from .sharing import Sharing as Sharing
from .sharing import all_whole as all_whole
from .sharing import at_work as at_work
from .sharing import average as average
from .sharing import batch_statistics as batch_statistics
from .sharing import draw_like as draw_like
from .sharing import gathered as gathered
from .sharing import is_alone as is_alone
from .sharing import mean_gradients as mean_gradients
from .sharing import own as own
from .sharing import own_first as own_first
from .sharing import share_out as share_out
from .sharing import whole as whole
from .sharing import whole_count as whole_count
