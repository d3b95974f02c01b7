from typing import NamedTuple
import numpy as np
from scipy.stats import binom
from scipy.optimize import minimize_scalar
class RiskTable(NamedTuple):
    rows: list
def mcnemar(b,c): return float(min(1.0,2*binom.cdf(min(b,c),b+c,.5))) if b+c else 1.0
def fit_temperature(logits,labels):
    def nll(u):
        z=logits*np.exp(u); return float((np.logaddexp.reduce(z,axis=1)-z[np.arange(len(z)),labels]).mean())
    return float(np.exp(-minimize_scalar(nll,bounds=(-5,5),method="bounded").x))
def conformal_pvalues(s,ref):
    return (1+np.searchsorted(np.sort(ref),s,side="right"))/(len(ref)+1)
def risk_table(conf,right): return RiskTable([])
