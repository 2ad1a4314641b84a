"""Batches that are cut into blocks of anchors: nothing changes but the memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import measure
from jaxloss.embedding import (
    blocks,
    clip_softmax,
    decoupled_contrastive,
    info_nce,
    nt_xent,
    siglip,
    spectral_contrastive,
    supervised_contrastive,
)

LABELLED = (nt_xent, decoupled_contrastive, supervised_contrastive)
VIEWS = (info_nce, clip_softmax, siglip, spectral_contrastive)


def problem(loss, dtype, batch=(2,), examples=7):
    first, second = jax.random.normal(jax.random.key(0), (2, *batch, examples, 3), dtype)
    if loss in LABELLED:
        return (first,), (jnp.broadcast_to(jnp.arange(examples, dtype=jnp.int32) % 3, (*batch, examples)),)
    return (first, second), ()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("loss", [*LABELLED, *VIEWS])
def test_blocks_change_nothing(loss, masked, monkeypatch):
    with jax.enable_x64(True):
        free, labels = problem(loss, jnp.float64)
        options = {"where": jnp.broadcast_to(jnp.arange(7) != 4, (2, 7))} if masked else {}
        total = lambda *free: loss(*free, *labels, **options)

        def results():
            everything = lambda *f: (
                loss(*f, *labels, reduction="none", **options),
                jax.grad(total)(*f),
                jax.jvp(jax.grad(total), f, f)[1],
                jax.grad(lambda *f: jnp.vdot(jax.grad(total)(*f), f[0]))(*f),
            )
            return jax.jit(everything)(*free)

        due = results()
        monkeypatch.setattr(blocks, "LARGEST", 2 * 7 * 3)  # blocks of 3: seven examples do not fill the last
        got = results()
    for a, b in zip(got, due, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", [*LABELLED, *VIEWS])
def test_memory_of_65536_examples(loss):
    examples = jax.ShapeDtypeStruct((65536, 512), jnp.float32)
    labels = jax.ShapeDtypeStruct((65536,), jnp.int32)
    arguments = (examples, labels) if loss in LABELLED else (examples, examples)
    compiled = measure.compile(jax.value_and_grad(loss), *arguments)
    assert compiled.temp_bytes < 4e9
