"""Value and gradient equal those of the peers, in float64, wherever a case names a peer's function."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bench.peers import peer_contender, peer_function
from jaxloss.verify.case import Regime
from jaxloss.verify.cases import CASES

PAIRS = [(case, peer) for case in CASES for peer in ("optax", "rax", "keras", "torch") if peer in case.peers]


@pytest.mark.parametrize(("case", "peer"), PAIRS, ids=lambda x: x if isinstance(x, str) else x.name)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the peers, not ours
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_value_and_gradient_equal_the_peers(case, peer):
    if importlib.util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    events = 12 if case.inputs.members is None else 1
    drawn = case.inputs(np.random.default_rng(3), events, Regime.ORDINARY)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        data = tuple(jnp.asarray(a) for a in drawn)
        ours = jax.value_and_grad(lambda *args: case(*args), case.inputs.argnums)(*data)
        found = peer_contender(peer, case, [data], "value and gradient")
        assert found is not None
        theirs = found[0].call(*found[0].arguments[0])
        theirs = theirs.doubles() if hasattr(theirs, "doubles") else theirs
    rtol, atol = (1e-5, 1e-6) if peer == "keras" else (1e-9, 1e-12)  # Keras brings everything to float32
    for got, due in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(got, due, rtol=rtol, atol=atol)


@pytest.mark.parametrize(
    "case", [c for c in CASES if "optax" in c.peers and not c.inputs.members], ids=lambda case: case.name
)
def test_unreduced_values_are_optax_values(case):
    drawn = case.inputs(np.random.default_rng(4), 12, Regime.ORDINARY)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        data = tuple(jnp.asarray(a) for a in drawn)
        function = peer_function("optax", case)
        assert function is not None
        np.testing.assert_allclose(case(*data, reduction="none"), function(*data), rtol=1e-9, atol=1e-12)
