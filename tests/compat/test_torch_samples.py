"""The arguments that PyTorch tests its own losses with, and the errors that it expects of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.compat import torch as ours

torch = pytest.importorskip("torch", reason="compared with PyTorch")
pytest.importorskip("expecttest", reason="which PyTorch's own samples need")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of PyTorch, about its own arguments
]
SAMPLES = 24  # of each loss, evenly from all of them


@functools.cache
def samples():
    """The descriptions of the losses that PyTorch keeps for its tests."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {op.name.removeprefix("nn.functional."): op for op in op_db if op.name.startswith("nn.functional.")}


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


def converted(value):
    if isinstance(value, torch.Tensor):
        return jnp.asarray(value.detach().numpy())
    if isinstance(value, (tuple, list)):
        return type(value)(map(converted, value))
    return {key: converted(v) for key, v in value.items()} if isinstance(value, dict) else value


def loss_of(name, library):
    """The gradient of PyTorch's CTC is that of the log-softmax before it: both are compared after one."""
    function = getattr(library, name)
    if name != "ctc_loss":
        return function
    log_softmax = torch.log_softmax if library is torch.nn.functional else jax.nn.log_softmax
    return lambda logs, *rest, **options: function(log_softmax(logs, -1), *rest, **options)


@pytest.mark.parametrize("name", ours.__all__)
def test_values_and_gradients_of_their_samples(name):
    if name not in samples():
        pytest.skip("PyTorch has no samples of it")
    torch.manual_seed(0)
    found = list(samples()[name].sample_inputs("cpu", torch.float64, requires_grad=True))
    for sample in found[:: -(-len(found) // SAMPLES)]:
        if any(callable(value) and not isinstance(value, torch.Tensor) for value in sample.kwargs.values()):
            continue  # a function of tensors
        args, options = (sample.input, *sample.args), sample.kwargs
        due = loss_of(name, torch.nn.functional)(*args, **options)
        floats = [i for i, a in enumerate(args) if isinstance(a, torch.Tensor) and a.requires_grad]
        due_slopes = torch.autograd.grad(due.sum(), [args[i] for i in floats], allow_unused=True)
        ours_of = functools.partial(loss_of(name, ours), **converted(options))
        got = ours_of(*converted(args))
        assert (got.shape, got.dtype) == (tuple(due.shape), np.float64), sample.summary()
        np.testing.assert_allclose(got, due.detach(), rtol=1e-10, atol=1e-12, err_msg=str(sample.summary()))
        slopes = jax.grad(lambda *a: jnp.sum(ours_of(*a)), argnums=floats)(*converted(args))  # noqa: B023
        for got_slope, due_slope in zip(slopes, due_slopes, strict=True):
            due_slope = 0 if due_slope is None else due_slope
            np.testing.assert_allclose(got_slope, due_slope, rtol=1e-9, atol=1e-11, err_msg=str(sample.summary()))


@pytest.mark.parametrize("name", ours.__all__)
def test_what_they_refuse_is_refused(name):
    if name not in samples() or samples()[name].error_inputs_func is None:
        pytest.skip("PyTorch has no samples of errors of it")
    for error in samples()[name].error_inputs("cpu"):
        sample = error.sample_input
        with pytest.raises((ValueError, TypeError)):
            getattr(ours, name)(converted(sample.input), *converted(sample.args), **converted(sample.kwargs))
