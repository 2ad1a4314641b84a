"""Losses of generative models, and measures of images."""

from jaxloss.generative.adversarial import (
    gan_discriminator,
    gan_generator,
    gan_relativistic,
)
from jaxloss.generative.correlation import (
    lncc,
    lncc_distance,
)
from jaxloss.generative.critics import (
    gradient_penalty,
    interpolate,
    r1,
    r2,
)
from jaxloss.generative.diffusion import (
    diffusion,
    flow_matching,
)
from jaxloss.generative.directions import (
    spherical_distance,
)
from jaxloss.generative.pixels import (
    edge_aware_smoothness,
    psnr,
    total_variation,
)
from jaxloss.generative.scores import (
    denoising_score_matching,
    sliced_score_matching,
)
from jaxloss.generative.similarity import (
    ms_ssim,
    ms_ssim_distance,
    ssim,
    ssim_distance,
)
from jaxloss.generative.vae import (
    gaussian_vae_kl,
    vae,
    vae_terms,
)
from jaxloss.generative.vq import (
    straight_through,
    vq_codebook,
    vq_commitment,
)

__all__ = [
    "denoising_score_matching",
    "diffusion",
    "edge_aware_smoothness",
    "flow_matching",
    "gan_discriminator",
    "gan_generator",
    "gan_relativistic",
    "gaussian_vae_kl",
    "gradient_penalty",
    "interpolate",
    "lncc",
    "lncc_distance",
    "ms_ssim",
    "ms_ssim_distance",
    "psnr",
    "r1",
    "r2",
    "sliced_score_matching",
    "spherical_distance",
    "ssim",
    "ssim_distance",
    "straight_through",
    "total_variation",
    "vae",
    "vae_terms",
    "vq_codebook",
    "vq_commitment",
]
