from typing import NamedTuple
import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d
class EncodedLabels(NamedTuple):
    classes: np.ndarray
    codes: np.ndarray
def labeled_rows(y, marker):
    y=np.asarray(y); return np.ones(len(y),bool) if marker is None else np.array([v!=marker for v in y.tolist()],bool)
def encode_labels(y, marker):
    y=column_or_1d(y, warn=True)
    known=labeled_rows(y, marker)
    part=y[known]
    if part.dtype==object: part=np.array(part.tolist())
    check_classification_targets(part)
    classes,codes=np.unique(part,return_inverse=True)
    if len(classes)<2: raise ValueError(f"needs two classes, got 1 class or none")
    out=np.full(len(y),-1); out[known]=codes
    return EncodedLabels(classes,out)
