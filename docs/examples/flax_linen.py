"""Handwritten digits with Flax Linen: batch statistics travel through the report of the step."""

import jax
import jax.numpy as jnp
import optax
from flax import linen
from sklearn.datasets import load_digits

import jaxloss
from jaxloss.training import train_step


class Network(linen.Module):
    """Two dense layers, the first one normalised."""

    @linen.compact
    def __call__(self, images, train):
        hidden = linen.BatchNorm(use_running_average=not train, momentum=0.9)(linen.Dense(32)(images))
        return linen.Dense(10)(linen.relu(hidden))


def train(steps=200):
    """Train on 1500 digits; return the accuracy on the others."""
    images, labels = load_digits(return_X_y=True)
    images, labels = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels)

    network = Network()
    variables = network.init(jax.random.key(0), images[:1], train=False)
    params, statistics = variables["params"], variables["batch_stats"]

    def loss(params, images, labels, *, statistics):
        variables = {"params": params, "batch_stats": statistics}
        logits, changed = network.apply(variables, images, train=True, mutable=["batch_stats"])
        return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels), changed

    optimizer = optax.adam(0.01)
    state, step = optimizer.init(params), train_step(loss, optimizer)
    for _ in range(steps):
        params, state, report = step(params, state, images[:1500], labels[:1500], statistics=statistics)
        statistics = report["batch_stats"]
    logits = network.apply({"params": params, "batch_stats": statistics}, images[1500:], train=False)
    return float(jaxloss.accuracy(logits, labels[1500:]))


if __name__ == "__main__":
    print(f"accuracy {train():.3f}")
