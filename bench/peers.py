"""The peers, called the way their users call them: the default reduction, the gradient of the predictions.

``Case.peers`` names the function of each framework; this module knows how each framework is called. A peer that is not
installed, or that does not accept a case's parameters, is left out of the run.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.measure import Contender
from jaxloss.verify.case import Case

__all__ = ["PEERS", "available_peers", "peer_contender", "peer_function"]

FRAMEWORKS: Mapping[str, str] = MappingProxyType(
    {"optax": "optax", "rax": "rax", "tokamax": "tokamax", "keras": "keras", "torch": "torch", "torch.compile": "torch"}
)
"""Name of a peer to the package that it needs."""

PEERS = tuple(FRAMEWORKS)


def available_peers() -> tuple[str, ...]:
    """The peers whose package is installed."""
    return tuple(peer for peer, package in FRAMEWORKS.items() if importlib.util.find_spec(package) is not None)


def peer_function(peer: str, case: Case) -> Callable[..., Any] | None:
    """Return the peer's function of predictions and targets, unreduced or reduced as its users get it; None if it
    has none."""
    package = FRAMEWORKS[peer]
    dotted = case.peers.get(package)
    if dotted is None:
        return None
    if package == "keras":
        os.environ.setdefault("KERAS_BACKEND", "jax")
    function: Any = importlib.import_module(package)
    for part in dotted.split("."):
        function = getattr(function, part)
    function = ADAPTED.get((package, dotted), lambda function: function)(function)
    function = functools.partial(function, **{key: _plain(value) for key, value in case.params.items()})
    if package == "rax":  # which has one mean for all pairs of all lists, and is mapped for one value per list
        return jax.vmap(function)
    if case.inputs.features is not None:
        function = _of_hidden(package, function)
    if case.inputs.members is not None:
        function = functools.partial(_one_event, function)
    if package == "keras":  # targets first
        return lambda predictions, targets, *rest: function(targets, predictions, *rest)
    return function


def peer_contender(
    peer: str, case: Case, data: Sequence[tuple[Any, ...]], direction: str
) -> tuple[Contender, Callable[..., Any] | None] | None:
    """Return what to time for a peer, and the function that jax compiles for it (None outside jax)."""
    function = peer_function(peer, case)
    if function is None:
        return None
    if FRAMEWORKS[peer] == "torch":
        compiled = peer == "torch.compile"
        return _torch_contender(function, data, direction, case.inputs.trained, compiled=compiled), None
    mean = lambda *args: jnp.mean(function(*args))
    traced = mean if direction == "forward" else jax.value_and_grad(mean, case.inputs.argnums)
    return Contender(jax.jit(traced), data), traced


def _torch_contender(
    function: Callable[..., Any],
    data: Sequence[tuple[Any, ...]],
    direction: str,
    trained: tuple[int, ...],
    *,
    compiled: bool,
) -> Contender:
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    device = "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def tensor(array: Any) -> Any:
        if array.dtype == jnp.bfloat16:
            return torch.from_numpy(np.asarray(array, np.float32).copy()).to(device, torch.bfloat16)
        plain = torch.from_numpy(np.asarray(array).copy()).to(device)
        return plain.long() if plain.dtype == torch.int32 else plain

    step = torch.compile(function) if compiled else function

    def forward(*args: Any) -> Any:
        with torch.no_grad():
            result = step(*args)
        wait()
        return np.asarray(result.float().cpu())

    def value_and_grad(*args: Any) -> Any:
        args = tuple(a.detach().requires_grad_() if i in trained else a for i, a in enumerate(args))
        value = step(*args)
        value = value if value.ndim == 0 else value.mean()
        gradients = torch.autograd.grad(value, [args[i] for i in trained])
        wait()
        return _Torch(value.detach(), *gradients)

    sets = [tuple(tensor(array) for array in arrays) for arrays in data]
    return Contender(forward if direction == "forward" else value_and_grad, sets, runtime="torch")


def _optax_ctc(function: Callable[..., Any]) -> Callable[..., Any]:
    """Paddings, 1 where nothing is, instead of lengths."""

    def call(logits: Any, logit_lengths: Any, labels: Any, label_lengths: Any) -> Any:
        padding = lambda lengths, size: (jnp.arange(size) >= lengths[:, None]).astype(logits.dtype)
        paddings = padding(logit_lengths, logits.shape[1]), padding(label_lengths, labels.shape[1])
        return function(logits, paddings[0], labels, paddings[1])

    return call


def _torch_ctc(function: Callable[..., Any]) -> Callable[..., Any]:
    """Log-probabilities with time first, labels before lengths, and one value per sequence."""

    def call(logits: Any, logit_lengths: Any, labels: Any, label_lengths: Any) -> Any:
        log_probabilities = logits.log_softmax(-1).transpose(0, 1)
        return function(log_probabilities, labels, logit_lengths, label_lengths, reduction="none")

    return call


def _torch_multi_margin(function: Callable[..., Any]) -> Callable[..., Any]:
    """It always divides by the number of classes, which is a parameter of ours."""
    return lambda *args, normalize, **options: function(*args, **options)  # noqa: ARG005  (dropped)


def _torch_poisson(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without the 1e-8 that it adds to the rate."""
    return functools.partial(function, eps=0)


def _tokamax(function: Callable[..., Any]) -> Callable[..., Any]:
    """Its flags, which it would look for on the command line, and the reduction that has to be asked for."""
    flags = importlib.import_module("absl.flags").FLAGS
    if not flags.is_parsed():
        flags(["tokamax"])
    return functools.partial(function, reduction="mean")


ADAPTED: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("optax", "losses.ctc_loss"): _optax_ctc,
        ("tokamax", "linear_softmax_cross_entropy_loss"): _tokamax,
        ("torch", "nn.functional.ctc_loss"): _torch_ctc,
        ("torch", "nn.functional.multi_margin_loss"): _torch_multi_margin,
        ("torch", "nn.functional.poisson_nll_loss"): _torch_poisson,
    }
)
"""Peers whose arguments are other ones than ours."""


class _Torch:
    """A torch result that turns into NumPy arrays only when it is compared, outside the timed call."""

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tensors

    def arrays(self) -> tuple[np.ndarray, ...]:
        """NumPy arrays, bfloat16 as float32."""
        return tuple(tensor.float().cpu().numpy() for tensor in self.tensors)

    def doubles(self) -> tuple[np.ndarray, ...]:
        """NumPy arrays of float64."""
        return tuple(tensor.double().cpu().numpy() for tensor in self.tensors)


def _of_hidden(package: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Call a peer with hidden states and the kernel as it takes them: torch and tokamax both, others the product."""
    if package == "tokamax":
        return lambda hidden, kernel, labels: function(hidden, labels, kernel)
    if package == "torch":
        return lambda hidden, kernel, *rest: function(hidden, kernel.T, *rest)
    return lambda hidden, kernel, *rest: function(hidden @ kernel, *rest)


def _one_event(function: Callable[..., Any], *arrays: Any) -> Any:
    """Call a peer that takes one batch, and reduces it, where ours takes any number of them."""
    if any(array.shape[0] != 1 for array in arrays):
        raise ValueError(f"takes one batch, got {arrays[0].shape[0]}")
    return function(*(array[0] for array in arrays))


def _plain(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, jax.Array) else value
