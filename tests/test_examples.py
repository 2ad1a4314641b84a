"""The programs in docs/examples run, in a small size."""

import importlib.util
from pathlib import Path

import jax
import numpy as np

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_language_model_learns_and_saves_memory():
    model = load("language_model")
    said = []
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # an example is ordinary code
        losses, (fused, plain) = model.train(steps=8, vocabulary=4096, batch=2, report=said.append)
        assert abs(losses[0] - np.log(4096)) < 1
        assert losses[-1] < losses[0] - 0.3
        tokens = jax.random.randint(jax.random.key(0), (2, 33), 0, 4096)
        parameters = model.initialise(jax.random.key(1), 4096)
        a, b = (jax.jit(jax.value_and_grad(f))(parameters, tokens) for f in (model.fused, model.plain))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6), a, b)
    assert fused < plain
    assert len(said) > 3


def test_tokens_are_the_text():
    model = load("language_model")
    text = "the cat and the hat and the cat"
    vocabulary = model.make_vocabulary(text, 60)
    names = {i: token for token, i in vocabulary.items()}
    ids = model.encode(text, vocabulary)
    assert "".join(names[int(i)] for i in ids) == text
    assert len(ids) < len(text) / 2
