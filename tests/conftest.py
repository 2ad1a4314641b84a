"""Strict JAX for every test; imported by pytest before anything imports jaxloss.

JAX_PLATFORMS=cuda,cpu runs the tests on a GPU.
"""

import importlib.metadata
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
# Without its fusion emitters XLA:CPU compiles in a third less time. Later jaxlibs have no such flag and stop at it.
if importlib.metadata.version("jaxlib").startswith("0.10."):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false".strip()

import hypothesis
import jax
import jaxlib

jax.config.update("jax_num_cpu_devices", 2)  # enough to shard over
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# The first example of each shape compiles, so no deadline. The same examples every time in CI.
hypothesis.settings.register_profile("jaxloss", deadline=None, max_examples=25)
hypothesis.settings.register_profile("jaxloss-ci", deadline=None, max_examples=25, derandomize=True, database=None)
hypothesis.settings.load_profile("jaxloss-ci" if os.environ.get("CI") else "jaxloss")


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="one case of each loss, and the laws that break most often")
    parser.addoption("--all-laws", action="store_true", help="every law for every case, not for one of each loss")


def pytest_report_header() -> str:
    return f"jax {jax.__version__}, jaxlib {jaxlib.__version__}"
