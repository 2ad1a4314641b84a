"""Handwritten digits with Keras on its JAX backend: run with KERAS_BACKEND=jax in the environment."""

import keras
from sklearn.datasets import load_digits

from jaxloss.compat.keras import as_keras


def train(epochs=12):
    """Train on 1500 digits; return the trained model and its accuracy on the others."""
    images, labels = load_digits(return_X_y=True)
    images, labels = (images / 16).astype("float32"), labels.astype("int32")

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    loss = as_keras("poly_cross_entropy", epsilon=1.0)
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=["categorical_accuracy"])
    one_hot = keras.utils.to_categorical(labels)
    model.fit(images[:1500], one_hot[:1500], batch_size=100, epochs=epochs, verbose=0)
    return model, model.evaluate(images[1500:], one_hot[1500:], batch_size=297, verbose=0)[1]


if __name__ == "__main__":
    print(f"accuracy {train()[1]:.3f}")
