"""Losses by name."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss.lookup import PEERS, get, names
from jaxloss.peers import GENERAL
from jaxloss.verify.cases import CASES

ALIASES = [(framework, alias) for framework, rows in PEERS.items() for alias in rows]
EXACT_OPTAX = [(name, alias.loss) for alias in PEERS["optax"] if not alias.differs for name in alias.names]


def test_a_name_alone_is_the_loss_itself():
    assert get("huber") is jaxloss.huber
    assert get("HuberLoss") is jaxloss.huber
    assert get("mse") is get("MeanSquaredError") is get("MSELoss") is jaxloss.squared_error


def test_parameters_are_bound_and_shown():
    loss = get("huber", delta=0.5, reduction="sum")
    assert loss.__name__ == "huber(delta=0.5, reduction=sum)"
    assert loss.__doc__ == jaxloss.huber.__doc__
    assert loss(jnp.array([3.0, 3.0]), jnp.zeros(2)) == 2 * 0.5 * (3 - 0.25)
    assert jax.jit(jax.grad(loss))(jnp.array([3.0]), jnp.zeros(1)) == 0.5
    assert "delta" not in str(inspect.signature(loss)) or inspect.signature(loss).parameters["delta"].default == 0.5


def test_an_unknown_parameter_says_what_there_is():
    with pytest.raises(TypeError, match=r"huber: no parameter detla; it takes delta, where, weights, reduction"):
        get("huber", detla=0.5)
    with pytest.raises(TypeError, match=r"no parameter from_logits.*from_logits=True is softmax_cross_entropy"):
        get("keras.losses.CategoricalCrossentropy", from_logits=True)


@pytest.mark.parametrize(
    ("name", "near"),
    [("hubber", "huber"), ("MeanSquareError", "MeanSquaredError"), ("sigmoid_focal_los", "sigmoid_focal_loss")],
)
def test_an_unknown_name_says_what_is_near(name, near):
    with pytest.raises(ValueError, match=f"get: unknown loss '{name}'; did you mean .*{near}"):
        get(name)


def test_an_unknown_name_with_nothing_near():
    with pytest.raises(ValueError, match=r"unknown loss 'zzzz'; names\(\) lists what there is"):
        get("zzzz")


def test_your_own_losses_come_first():
    def mine(predictions, targets, scale=1.0):
        return scale * jnp.sum(predictions - targets)

    assert get("huber", losses={"huber": mine}) is mine
    assert get("mine", losses={"mine": mine}, scale=2.0)(jnp.ones(3), jnp.zeros(3)) == 6
    with pytest.raises(TypeError, match="mine: no parameter delta; it takes scale"):
        get("mine", losses={"mine": mine}, delta=1)
    with pytest.raises(ValueError, match="did you mean mine"):
        get("mines", losses={"mine": mine})


def test_a_framework_can_be_named():
    assert get("torch.nn.functional.huber_loss") is get("keras.Huber") is jaxloss.huber
    assert get("cosine_similarity") is jaxloss.cosine_similarity
    assert get("keras.losses.cosine_similarity") is jaxloss.cosine_distance
    with pytest.raises(ValueError, match="unknown loss"):
        get("optax.MSELoss")


def test_names_are_the_losses():
    assert names() == tuple(sorted(names()))
    assert {"huber", "softmax_cross_entropy", "hinge"} <= set(names())
    assert set(names()) <= set(jaxloss.__all__)
    assert not {"get", "names", "weighted_sum", "checks"} & set(names())


@pytest.mark.parametrize(("framework", "alias"), ALIASES, ids=lambda x: x if isinstance(x, str) else x.names[0])
def test_every_alias_leads_to_a_loss_with_its_parameters(framework, alias):
    assert alias.loss in names()
    for name in alias.names:
        loss = get(f"{framework}.{name}")
        assert loss.__name__.startswith(alias.loss)
    assert set(alias.params) <= set(inspect.signature(getattr(jaxloss, alias.loss)).parameters)


def test_a_name_without_its_framework_means_one_thing():
    for framework, alias in ALIASES:
        for name in alias.names:
            if framework in GENERAL:
                get(name)  # an ambiguous name would raise
    assert get("TripletMarginLoss") is get("torch.TripletMarginLoss")
    assert get("pytorch_metric_learning.losses.TripletMarginLoss").__name__ == "triplet_batch(margin=0.05)"


def test_a_name_of_several_special_libraries_asks_for_one():
    with pytest.raises(ValueError, match=r"differs between frameworks, say monai.DiceLoss or segmentation_models"):
        get("DiceLoss")


def test_the_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        PEERS["optax"] = ()
    with pytest.raises(TypeError):
        PEERS["torch"][0].params["delta"] = 1


def _draw(loss, labels=None):
    """Six ordinary events of a loss, in float32, with labels of that kind."""
    case = next(c for c in CASES if c.loss.__name__ == loss and labels in (None, c.inputs.labels))
    drawn = case.inputs(np.random.default_rng(0), 6)
    return tuple(np.float32(a) if a.dtype.kind == "f" else a for a in drawn)


@pytest.mark.parametrize(("name", "loss"), EXACT_OPTAX)
def test_optax_computes_the_same_under_its_name(name, loss):
    theirs = getattr(optax.losses, name)
    *data, last = _draw(loss, "integer" if name.startswith("multiclass") else None)
    if name == "sparsemax_loss":
        last = np.round(last)  # it takes hard labels alone
    got = get(name)(*data, last, reduction="none")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rows = name == "multiclass_sparsemax_loss"  # the others take one row or any shape
        due = theirs(*data, last) if rows else jax.vmap(theirs)(*data, last)
    np.testing.assert_allclose(got, due, rtol=2e-5, atol=2e-6)


# Two have arguments of their own: tests/sequence/test_ctc.py, tests/probabilistic/test_likelihoods.py.
OWN_ARGUMENTS = ("ctc", "gaussian_nll")


@pytest.mark.parametrize(
    "alias", [a for a in PEERS["torch"] if a.loss not in OWN_ARGUMENTS], ids=lambda alias: alias.loss
)
def test_torch_computes_the_same_under_its_name(alias):
    torch = pytest.importorskip("torch")
    function = next(name for name in alias.names if name.islower())
    theirs = getattr(torch.nn.functional, function)
    module = getattr(torch.nn, next(name for name in alias.names if not name.islower()))()
    *predictions, targets = _draw(alias.loss, "integer" if alias.loss == "weston_watkins" else None)
    theirs_targets = torch.tensor(targets if targets.dtype.kind == "f" else targets.astype(np.int64))
    if function == "multilabel_margin_loss":  # class ids, filled up with -1
        present = [np.flatnonzero(row) for row in targets]
        theirs_targets = torch.tensor([[*ids, *[-1] * (targets.shape[1] - len(ids))] for ids in present])
    got = get(function)(*predictions, targets, reduction="none")
    due = theirs(*map(torch.tensor, predictions), theirs_targets, reduction="none")
    elementwise = function == "kl_div"
    np.testing.assert_allclose(got, due.sum(-1) if elementwise else due, rtol=2e-5, atol=2e-6)
    if elementwise:
        module.reduction = "batchmean"
    mean = module(*map(torch.tensor, predictions), theirs_targets)
    np.testing.assert_allclose(get(module.__class__.__name__)(*predictions, targets), mean, rtol=2e-5)


KERAS = {  # what the row says of the result, done to ours; the probabilities that theirs takes, made of our logits
    "mean_absolute_percentage_error": (lambda value: 100 * value, None),
    "cosine_distance": (lambda value: value - 1, None),
    "sigmoid_focal": (None, jax.nn.sigmoid),
    "softmax_focal": (lambda value: 0.25 * value, jax.nn.softmax),
    "generalized_cross_entropy": (None, jax.nn.softmax),
    "kl_divergence": (None, jnp.exp),
}


@pytest.mark.parametrize("alias", PEERS["keras"], ids=lambda alias: alias.loss)
def test_keras_computes_the_same_under_its_name_but_for_what_the_row_says(alias, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs = getattr(
        keras.losses, next(name for name in reversed(alias.names) if name[0].isupper() and name != name.upper())
    )()
    kinds = {"softmax_focal": "dense", "generalized_cross_entropy": "integer"}
    kinds |= {"binary_dice": "dense", "binary_tversky": "dense"}
    predictions, targets = _draw(alias.loss, kinds.get(alias.loss))
    if alias.loss == "multiclass_hinge":
        targets = np.eye(predictions.shape[-1], dtype=np.float32)[np.arange(6) % 5]
        predictions[np.arange(6), np.arange(6) % 5] -= 4  # where the true class trails, the 0 does not show
    if alias.loss == "squared_log_error":
        predictions, targets = abs(predictions), abs(targets)
    finish, probabilities = KERAS.get(alias.loss, (None, None))
    regions = {"axis": (0, 1)} if alias.loss in ("binary_dice", "binary_tversky") else {}
    got = get(f"keras.{alias.names[0]}")(predictions, targets, **regions)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        due = theirs(targets, predictions if probabilities is None else probabilities(predictions))
    np.testing.assert_allclose(got if finish is None else finish(got), due, rtol=3e-5)
