"""Losses of generative models."""

from jaxloss.generative.vae import (
    gaussian_vae_kl,
)

__all__ = [
    "gaussian_vae_kl",
]
