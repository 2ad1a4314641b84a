"""How often the compiled softmax cross-entropy passes over the logits, counted in its HLO."""

import re

import jax
import jax.numpy as jnp
import optax
import pytest

import jaxloss

N, C = 256, 384
LOGITS, IDS = jnp.zeros((N, C)), jnp.zeros(N, jnp.int32)


OPTIMIZED = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}


def passes(loss, transform=jax.value_and_grad):
    """Reads and writes of arrays as large as the logits, and whether there is a scatter."""
    compiled = jax.jit(transform(loss)).lower(LOGITS, IDS).compile(OPTIMIZED).as_text()
    entry = compiled[compiled.index("ENTRY") :]
    instructions = re.findall(r"%?([\w.\-]+) = (\S+) ([\w\-]+)\((.*)", entry)
    large = {name for name, shape, _, _ in instructions if shape.startswith(f"f32[{N},{C}]")}
    reads = writes = 0
    for name, _, kind, rest in instructions:
        if kind not in ("parameter", "tuple", "get-tuple-element", "bitcast", "constant"):
            reads += len(large & set(re.findall(r"%([\w.\-]+)", rest.split("), ")[0])))
            writes += name in large
    return reads, writes, "scatter" in compiled


def theirs(logits, ids):
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits, ids).mean()


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="counts what XLA:CPU makes of it")
def test_passes_over_the_logits():
    """Read for the largest, the label's, the exponentials, their sum and the gradient; two of these are stored.

    A sum XLA:CPU hands to a library that reads an array, so that the exponentials are stored for it and the gradient.
    """
    reads, writes, scatters = passes(jaxloss.softmax_cross_entropy_with_integer_labels)
    assert 3 <= reads <= 5
    assert 1 <= writes <= 2
    assert not scatters
    optax_reads, optax_writes, _ = passes(theirs)
    assert reads <= optax_reads
    assert writes <= optax_writes


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="counts what XLA:CPU makes of it")
def test_the_value_alone_writes_nothing():
    reads, writes, scatters = passes(jaxloss.softmax_cross_entropy_with_integer_labels, lambda loss: loss)
    assert (reads, writes, scatters) == (3, 0, False)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="counts what XLA:CPU makes of it")
@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({"z_loss": 1e-4}, 0),
        ({"class_weights": jnp.ones(C)}, 0),
        ({"temperature": 2.0}, 0),
        ({"label_smoothing": 0.1}, 1),
        ({"logit_cap": 30.0}, 1),
    ],
)
def test_options_add_few_passes(options, more):
    plain = passes(jaxloss.softmax_cross_entropy_with_integer_labels)
    found = passes(lambda z, ids: jaxloss.softmax_cross_entropy_with_integer_labels(z, ids, **options))
    assert found[0] <= plain[0] + more
    assert found[1] <= plain[1]
    assert not found[2]
