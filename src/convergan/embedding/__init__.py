"""From photographs and texts to features, by pretrained networks, computed once and kept."""

from .encoded_images import as_encoded as as_encoded
from .image_networks import AUTO as AUTO
from .image_networks import ImageNetwork as ImageNetwork
from .image_networks import find_image_network as find_image_network
from .images import Embedded as Embedded
from .images import embed_images as embed_images
from .images import embed_readable as embed_readable
from .text_networks import TextNetwork as TextNetwork
from .text_networks import find_text_network as find_text_network
from .texts import embed_texts as embed_texts
from .transformers import ImageFeatures as ImageFeatures
from .transformers import TextFeatures as TextFeatures
