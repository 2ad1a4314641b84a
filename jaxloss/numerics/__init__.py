"""Special functions of the losses: values and derivatives of every order right to the last few bits.

Plain functions of arrays, in float32 or float64; 16-bit and integer input is computed in float32. Infinite
arguments give limits, NaN stays NaN. The bounds in the docstrings are in units in the last place of the true result,
measured on XLA:CPU against mpmath and asserted by ``tests/test_numerics.py``. They hold where the result and its
factors are normal numbers; below, a result may flush to 0.

Example:
  >>> import jax
  >>> from jaxloss import numerics
  >>> jax.grad(numerics.log_cosh)(1e30)
  Array(1., dtype=float32, weak_type=True)
"""

from jaxloss.numerics.bessel import log_i0e
from jaxloss.numerics.elementary import (
    log1mexp,
    log1p_square,
    log_cosh,
    log_sigmoid,
    sigmoid,
    softplus,
    sqrt1pm1_square,
    tanh,
)
from jaxloss.numerics.exponentials import exp_excess, exp_moment, expm1
from jaxloss.numerics.gamma import log_factorial_excess, stirling
from jaxloss.numerics.logarithms import log1p_excess, log_ratio
from jaxloss.numerics.pairs import hypot, xlogy
from jaxloss.numerics.powers import boxcox, log_gap, power
from jaxloss.numerics.rows import logsumexp, normalize, safe_norm

__all__ = [
    "boxcox",
    "exp_excess",
    "exp_moment",
    "expm1",
    "hypot",
    "log1mexp",
    "log1p_excess",
    "log1p_square",
    "log_cosh",
    "log_factorial_excess",
    "log_gap",
    "log_i0e",
    "log_ratio",
    "log_sigmoid",
    "logsumexp",
    "normalize",
    "power",
    "safe_norm",
    "sigmoid",
    "softplus",
    "sqrt1pm1_square",
    "stirling",
    "tanh",
    "xlogy",
]
