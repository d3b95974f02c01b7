"""State, steps, the loop, and what must never be lost."""

from .adam import AdamInsideRoot as AdamInsideRoot
from .checkpoint import CheckpointError as CheckpointError
from .evaluation import Evaluation as Evaluation
from .evaluation import count_errors as count_errors
from .evaluation import draw_samples as draw_samples
from .evaluation import evaluate as evaluate
from .evaluation import predict_probabilities as predict_probabilities
from .guided import guided_step as guided_step
from .loop import Record as Record
from .loop import train as train
from .regularizers import interpolation_consistency as interpolation_consistency
from .regularizers import teacher_consistency as teacher_consistency
from .regularizers import virtual_adversarial as virtual_adversarial
from .state import NonFiniteError as NonFiniteError
from .state import Player as Player
from .state import State as State
from .steps import adversarial_step as adversarial_step
from .steps import feature_matching_step as feature_matching_step
from .steps import relativistic_step as relativistic_step
from .steps import semi_supervised_step as semi_supervised_step
from .steps import supervised_step as supervised_step
from .steps import top_k_step as top_k_step
from .weight_average import WeightAverage as WeightAverage
from .weight_average import constant_rate as constant_rate
from .weight_average import warm_up as warm_up
