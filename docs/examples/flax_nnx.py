"""Handwritten digits with Flax NNX: the parameters are split off the module, and merged again inside the loss."""

import jax.numpy as jnp
import optax
from flax import nnx
from sklearn.datasets import load_digits

import jaxloss
from jaxloss.training import train_step


class Network(nnx.Module):
    """Two dense layers."""

    def __init__(self, rngs):
        self.hidden = nnx.Linear(64, 32, rngs=rngs)
        self.out = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, images):
        return self.out(nnx.relu(self.hidden(images)))


def train(steps=200):
    """Train on 1500 digits; return the trained module and its accuracy on the others."""
    images, labels = load_digits(return_X_y=True)
    images, labels = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels)

    graph, params = nnx.split(Network(nnx.Rngs(0)), nnx.Param)

    def loss(params, images, labels):
        logits = nnx.merge(graph, params)(images)
        values = jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)
        return values, {"accuracy": jaxloss.accuracy(logits, labels)}

    optimizer = optax.adam(0.01)
    state, step = optimizer.init(params), train_step(loss, optimizer)
    for _ in range(steps):
        params, state, _ = step(params, state, images[:1500], labels[:1500])
    model = nnx.merge(graph, params)
    return model, float(jaxloss.accuracy(model(images[1500:]), labels[1500:]))


if __name__ == "__main__":
    print(f"accuracy {train()[1]:.3f}")
