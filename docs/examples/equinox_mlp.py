"""Handwritten digits with Equinox: what is trained is partitioned off the model, and combined again inside the loss."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits

import jaxloss
from jaxloss.training import sums, train_step


def train(steps=200):
    """Train on 1500 digits, in micro-batches of 400; return the trained model and its accuracy on the others."""
    images, labels = load_digits(return_X_y=True)
    images, labels = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels)

    model = eqx.nn.MLP(64, 10, width_size=32, depth=1, key=jax.random.key(0))
    params, static = eqx.partition(model, eqx.is_inexact_array)

    def loss(params, images, labels):
        logits = jax.vmap(eqx.combine(params, static))(images)
        return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, reduction=sums)

    optimizer = optax.adam(0.01)
    state, step = optimizer.init(params), train_step(loss, optimizer, micro_batch_size=400)
    for _ in range(steps):
        params, state, _ = step(params, state, images[:1500], labels[:1500])
    model = eqx.combine(params, static)
    return model, float(jaxloss.accuracy(jax.vmap(model)(images[1500:]), labels[1500:]))


if __name__ == "__main__":
    print(f"accuracy {train()[1]:.3f}")
