"""What stopped being finite is named."""

import jax
import jax.numpy as jnp
import pytest

from jaxloss import squared_error, weighted_sum
from jaxloss.training import non_finite, raise_if_non_finite

OBJECTIVE = weighted_sum({"fit": squared_error, "own": lambda x, y: jnp.mean((y - 1) * jnp.log(1 - x))})


def test_flags_come_out_of_jit_and_name_the_term():
    @jax.jit
    def flags(x, y):
        return non_finite(OBJECTIVE(x, y)[1])

    good = flags(jnp.array([0.5]), jnp.array([1.0]))
    bad = flags(jnp.array([1.0]), jnp.array([0.0]))  # certain and wrong
    assert {name: bool(flag) for name, flag in good.items()} == {"fit": False, "own": False}
    assert {name: bool(flag) for name, flag in bad.items()} == {"fit": False, "own": True}


def test_the_error_names_terms_and_how_much_of_an_array():
    total, report = OBJECTIVE(jnp.array([1.0]), jnp.array([0.0]))
    raise_if_non_finite({"fit": report["fit"], "step": 3, "name": jnp.arange(3)})
    with pytest.raises(FloatingPointError, match=r"^the report is not finite: own \(inf\), total \(inf\)$"):
        raise_if_non_finite({"total": total, **report})
    with pytest.raises(FloatingPointError, match=r"^the gradient is not finite: layer/w \(nan in 2 of 3\)$"):
        raise_if_non_finite({"layer": {"w": jnp.array([1, jnp.nan, jnp.inf]), "b": 0.0}}, "the gradient")
