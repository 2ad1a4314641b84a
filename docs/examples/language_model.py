"""A small language model with a vocabulary of 32768, trained through the fused loss: ``python language_model.py``.

The text is the language reference that ships with Python. The last layer of the model and its loss are one call, which
never has the logits of all tokens in memory; the program says how much memory a training step takes with and without.
"""

import argparse
import collections
import re
from functools import partial
from pydoc_data.topics import topics

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxloss

WIDTH, HEADS, LAYERS, CONTEXT, BATCH = 128, 4, 2, 128, 16


def words_of(text):
    """Split into words with the space before them, and everything else."""
    return re.findall(r" ?\w+|\s+|[^\w\s]", text)


def make_vocabulary(text, size):
    """Return the characters of the text and its most frequent words and phrases of up to four words."""
    words = words_of(text)
    counts = collections.Counter(words)
    for length in (2, 3, 4):
        counts.update("".join(words[i : i + length]) for i in range(len(words) - length + 1))
    characters = sorted(set(text))
    # Sorted by what a phrase saves, and then by itself: the same on every machine.
    phrases = sorted(counts.keys() - set(characters), key=lambda p: (-counts[p] * len(p), p))
    return {token: i for i, token in enumerate((characters + phrases)[:size])}


def encode(text, vocabulary):
    """Return the ids of the longest tokens that the text starts with, again and again."""
    longest, ids, start = max(map(len, vocabulary)), [], 0
    while start < len(text):
        end = next(e for e in range(min(start + longest, len(text)), start, -1) if text[start:e] in vocabulary)
        ids.append(vocabulary[text[start:end]])
        start = end
    return np.array(ids, np.int32)


def initialise(key, vocabulary):
    """Parameters of a transformer that embeds tokens and predicts them with one table."""
    keys = iter(jax.random.split(key, 2 + 4 * LAYERS))
    matrix = lambda *shape: jax.random.normal(next(keys), shape) / shape[-2] ** 0.5
    layer = lambda: {
        "attend": matrix(WIDTH, 3 * WIDTH),
        "mix": matrix(WIDTH, WIDTH),
        "widen": matrix(WIDTH, 4 * WIDTH),
        "narrow": matrix(4 * WIDTH, WIDTH),
    }
    table, places = 0.05 * jax.random.normal(next(keys), (vocabulary, WIDTH)), 0.05 * matrix(CONTEXT, WIDTH)
    return {"table": table, "places": places, "layers": [layer() for _ in range(LAYERS)]}


def normalized(x):
    """Vectors of mean 0 and variance 1."""
    return jax.nn.standardize(x, axis=-1)


def hidden_states(parameters, tokens):
    """What the model knows at each token, of those before it."""
    x = parameters["table"][tokens] + parameters["places"][None, : tokens.shape[1]]
    for layer in parameters["layers"]:
        heads = (normalized(x) @ layer["attend"]).reshape(*x.shape[:2], 3, HEADS, WIDTH // HEADS)
        x += jax.nn.dot_product_attention(*jnp.moveaxis(heads, 2, 0), is_causal=True).reshape(x.shape) @ layer["mix"]
        x += jax.nn.gelu(normalized(x) @ layer["widen"]) @ layer["narrow"]
    return normalized(x)


def fused(parameters, tokens):
    """Mean cross-entropy of the next token, without all logits."""
    hidden = hidden_states(parameters, tokens[:, :-1])
    return jaxloss.linear_softmax_cross_entropy(hidden, parameters["table"], tokens[:, 1:], tied=True)


def plain(parameters, tokens):
    """The same with all logits."""
    logits = hidden_states(parameters, tokens[:, :-1]) @ parameters["table"].T
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:])


def train(steps=100, vocabulary=32768, batch=BATCH, seed=0, report=print):
    """Train, and return the losses and the temporary bytes of a gradient with the fused loss and with the plain one."""
    text = "\n".join(topics[key] for key in sorted(topics))
    tokens = make_vocabulary(text, vocabulary)
    ids, rng = encode(text, tokens), np.random.default_rng(seed)
    report(f"{len(text):,} characters are {len(ids):,} tokens of a vocabulary of {len(tokens):,}")
    draw = lambda: jnp.stack([ids[i : i + CONTEXT + 1] for i in rng.integers(0, len(ids) - CONTEXT, batch)])

    parameters = initialise(jax.random.key(seed), len(tokens))
    optimizer = optax.adam(3e-3)
    state = optimizer.init(parameters)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(parameters, state, tokens):
        value, slopes = jax.value_and_grad(fused)(parameters, tokens)
        updates, state = optimizer.update(slopes, state)
        return optax.apply_updates(parameters, updates), state, value

    memory = [
        jaxloss.measure.compile(jax.value_and_grad(loss), parameters, draw()).temp_bytes for loss in (fused, plain)
    ]
    report(
        f"temporary memory of value and gradient: {memory[0] / 1e6:.0f} MB, with all logits {memory[1] / 1e6:.0f} MB"
    )
    losses = []
    for i in range(steps):
        parameters, state, value = step(parameters, state, draw())
        losses.append(float(value))
        if i % max(steps // 10, 1) == 0 or i == steps - 1:
            report(f"step {i:4}  loss {losses[-1]:.3f} nats a token")
    return losses, memory


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    train(parser.parse_args().steps)
