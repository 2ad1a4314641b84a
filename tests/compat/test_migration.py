"""What the migration pages say: each recipe computes the loss of the other library, written out here in numpy."""

import importlib.util
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_expit, log_softmax, logsumexp, softmax

import jaxloss
from jaxloss.peers import GENERAL, PEERS

DOCS = Path(__file__).parents[2] / "docs"
RNG = np.random.default_rng(5)
N, C, F = 6, 3, 4
LABELS = np.array([0, 1, 2, 0, 1, 2])
EMBEDDINGS, OTHERS, PROXIES = RNG.normal(size=(N, F)), RNG.normal(size=(N, F)), RNG.normal(size=(C, F))
SCORES, IMAGE_IDS = RNG.normal(size=(2, C, 4, 5)), RNG.integers(0, C, (2, 4, 5))
BOXES = RNG.random((2, N, 4)).cumsum(-1)[..., [0, 1, 2, 3]] + [0, 0, 1, 1]
SMOOTH = 0.1


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def distances(x):
    return np.linalg.norm(x[:, None] - x[None], axis=-1)


def one_hot(ids, axis=-1):
    return np.moveaxis(np.eye(C)[ids], -1, axis)


SAME = LABELS[:, None] == LABELS
POSITIVE, NEGATIVE = SAME & ~np.eye(N, dtype=bool), ~SAME
COSINES = unit(EMBEDDINGS) @ unit(EMBEDDINGS).T
TO_PROXIES = unit(EMBEDDINGS) @ unit(PROXIES).T


# ---- tensorflow_addons -----------------------------------------------------------------------------------------------


def tfa_contrastive(y_true, y_pred):
    return y_true * y_pred**2 + (1 - y_true) * np.maximum(1 - y_pred, 0) ** 2


def tfa_focal(y_true, y_pred):
    entropy = -y_true * log_expit(y_pred) - (1 - y_true) * log_expit(-y_pred)
    p = np.exp(log_expit(y_pred))
    p_t = y_true * p + (1 - y_true) * (1 - p)
    return np.sum((0.25 * y_true + 0.75 * (1 - y_true)) * (1 - p_t) ** 2 * entropy, -1)


def tfa_giou(y_true, y_pred):
    def area(low, high):
        return np.prod(np.maximum(high - low, 0), -1)

    a, b, c, d = y_true[:, :2], y_true[:, 2:], y_pred[:, :2], y_pred[:, 2:]
    overlap = area(np.maximum(a, c), np.minimum(b, d))
    union = area(a, b) + area(c, d) - overlap
    hull = area(np.minimum(a, c), np.maximum(b, d))
    return 1 - (overlap / union - (hull - union) / hull)


def tfa_npairs(y_true, y_pred):
    same = (y_true[:, None] == y_true).astype(float)
    return np.mean(-np.sum(same / same.sum(1, keepdims=True) * log_softmax(y_pred, 1), 1))


def tfa_pinball(y_true, y_pred):
    delta = y_true - y_pred
    return np.mean(np.maximum(0.5 * delta, -0.5 * delta), -1)


def tfa_sparsemax(y_true, y_pred):
    values = []
    for z, y in zip(y_pred, y_true, strict=True):
        ordered = np.sort(z)[::-1]
        sums, k = np.cumsum(ordered), np.arange(1, len(z) + 1)
        size = k[1 + k * ordered > sums].max()
        tau = (sums[size - 1] - 1) / size
        inside = z > tau
        values.append(0.5 * np.sum(np.where(inside, z**2 - tau**2, 0)) + 0.5 - z[y])
    return np.array(values)


def tfa_semihard(y_true, y_pred):
    d = distances(y_pred)
    losses = []
    for a in range(N):
        for p in np.flatnonzero(POSITIVE[a]):
            outside = [d[a, n] for n in np.flatnonzero(NEGATIVE[a]) if d[a, n] > d[a, p]]
            negative = min(outside) if outside else d[a][NEGATIVE[a]].max()
            losses.append(max(0, 1 + d[a, p] - negative))
    return np.mean(losses)


def tfa_hard(y_true, y_pred):
    d = distances(y_pred)
    far, near = np.where(POSITIVE, d, -np.inf).max(1), np.where(NEGATIVE, d, np.inf).min(1)
    return np.mean(np.maximum(far - near + 1, 0))


TFA = {
    "contrastive_loss": (tfa_contrastive, LABELS % 2, np.abs(EMBEDDINGS[:, 0])),
    "sigmoid_focal_crossentropy": (tfa_focal, one_hot(LABELS), RNG.normal(size=(N, C))),
    "giou_loss": (tfa_giou, *BOXES),
    "npairs_loss": (tfa_npairs, LABELS, EMBEDDINGS @ OTHERS.T),
    "pinball_loss": (tfa_pinball, EMBEDDINGS, OTHERS),
    "sparsemax_loss": (tfa_sparsemax, LABELS, RNG.normal(size=(N, C))),
    "triplet_semihard_loss": (tfa_semihard, LABELS, EMBEDDINGS),
    "triplet_hard_loss": (tfa_hard, LABELS, EMBEDDINGS),
}


# ---- monai -----------------------------------------------------------------------------------------------------------


def monai_dice(p, t):
    overlap, total = np.sum(p * t, (2, 3)), np.sum(p + t, (2, 3))
    return np.mean(1 - (2 * overlap + 1e-5) / (total + 1e-5))


def monai_tversky(p, t):
    hit, false, missed = (np.sum(x, (2, 3)) for x in (p * t, p * (1 - t), (1 - p) * t))
    return np.mean(1 - (hit + 1e-5) / (hit + 0.5 * false + 0.5 * missed + 1e-5))


def monai_focal(z, t):
    entropy = z - z * t - log_expit(z)
    return np.mean(np.exp(2 * log_expit(-z * (t * 2 - 1))) * entropy)


def monai_contrastive(x, y):
    both = unit(np.concatenate([x, y]))
    e = np.exp(both @ both.T / 0.5)
    own = np.concatenate([np.diag(e, len(x)), np.diag(e, -len(x))])
    return np.mean(-np.log(own / (e.sum(1) - np.diag(e))))


MONAI = {
    "DiceLoss": lambda z, t: monai_dice(softmax(z, 1), t),
    "TverskyLoss": lambda z, t: monai_tversky(softmax(z, 1), t),
    "DiceCELoss": lambda z, t: monai_dice(softmax(z, 1), t) - np.mean(np.sum(t * log_softmax(z, 1), 1)),
    "DiceFocalLoss": lambda z, t: monai_dice(softmax(z, 1), t) + monai_focal(z, t),
    "FocalLoss": monai_focal,
    "ContrastiveLoss": monai_contrastive,
}


# ---- segmentation_models_pytorch -------------------------------------------------------------------------------------


def smp_overlap(score):
    def loss(z, ids):
        p, t = softmax(z, 1), one_hot(ids, 1)
        hit, false, missed = (np.sum(x, (0, 2, 3)) for x in (p * t, p * (1 - t), (1 - p) * t))
        return np.mean((1 - score(hit, false, missed)) * (t.sum((0, 2, 3)) > 0))

    return loss


def smp_focal(z, ids):
    t = one_hot(ids, 1)
    entropy = -t * log_expit(z) - (1 - t) * log_expit(-z)
    return np.mean((1 - np.exp(-entropy)) ** 2 * entropy)


def smp_lovasz(z, ids):
    p, losses = np.moveaxis(softmax(z, 1), 1, -1).reshape(-1, C), []
    for c in np.unique(ids):
        t = (ids.ravel() == c).astype(float)
        errors = np.abs(t - p[:, c])
        order = np.argsort(-errors)
        t = t[order]
        jaccard = 1 - (t.sum() - t.cumsum()) / (t.sum() + (1 - t).cumsum())
        losses.append(np.dot(errors[order], np.diff(jaccard, prepend=0)))
    return np.mean(losses)


def smp_bce(z, ids):
    t = one_hot(ids, 1)
    t = (1 - t) * SMOOTH + t * (1 - SMOOTH)
    return np.mean(-t * log_expit(z) - (1 - t) * log_expit(-z))


def smp_cross_entropy(z, ids):
    logs = log_softmax(z, 1)
    return np.mean(-(1 - SMOOTH) * np.sum(logs * one_hot(ids, 1), 1) - SMOOTH / C * logs.sum(1))


def smp_wing(y_pred, target):
    d = np.abs(target - y_pred)
    return np.mean(np.where(d < 5, 5 * np.log(1 + d / 0.5), d - (5 - 5 * np.log(1 + 5 / 0.5))))


SMP = {
    "DiceLoss": smp_overlap(lambda hit, false, missed: 2 * hit / (2 * hit + false + missed)),
    "JaccardLoss": smp_overlap(lambda hit, false, missed: hit / (hit + false + missed)),
    "TverskyLoss": smp_overlap(lambda hit, false, missed: hit / (hit + 0.5 * false + 0.5 * missed)),
    "FocalLoss": smp_focal,
    "LovaszLoss": smp_lovasz,
    "SoftBCEWithLogitsLoss": smp_bce,
    "SoftCrossEntropyLoss": smp_cross_entropy,
    "wing_loss": smp_wing,
}


# ---- pytorch_metric_learning -----------------------------------------------------------------------------------------


def pml_nt_xent():
    z = COSINES / 0.07
    pairs = [-z[a, p] + logsumexp([z[a, p], *z[a][NEGATIVE[a]]]) for a in range(N) for p in np.flatnonzero(POSITIVE[a])]
    return np.mean(pairs)


def pml_sup_con():
    z = COSINES / 0.1
    logs = z - [[logsumexp(np.delete(z[a], a))] for a in range(N)]
    return np.mean([-logs[a][POSITIVE[a]].mean() for a in range(N)])


def pml_multi_similarity():
    near = [np.log(1 + np.exp(-2 * (COSINES[a][POSITIVE[a]] - 0.5)).sum()) / 2 for a in range(N)]
    far = [np.log(1 + np.exp(50 * (COSINES[a][NEGATIVE[a]] - 0.5)).sum()) / 50 for a in range(N)]
    return np.mean(near) + np.mean(far)


def pml_circle():
    losses = []
    for a in range(N):
        p, n = COSINES[a][POSITIVE[a]], COSINES[a][NEGATIVE[a]]
        pull = logsumexp(-80 * np.maximum(1.4 - p, 0) * (p - 0.6))
        push = logsumexp(80 * np.maximum(n + 0.4, 0) * (n - 0.4))
        losses.append(np.logaddexp(0, pull + push))
    return np.mean(losses)


def pml_lifted():
    d = distances(unit(EMBEDDINGS))
    return np.mean([max(0, logsumexp(d[a][POSITIVE[a]]) + logsumexp(1 - d[a][NEGATIVE[a]])) for a in range(N)])


def pml_head(change, scale):
    own = one_hot(LABELS) == 1
    return lambda: np.mean(-log_softmax(scale * np.where(own, change(TO_PROXIES), TO_PROXIES), 1)[own])


def pml_sphereface():
    angle = np.arccos(TO_PROXIES)
    k = np.floor(angle * 4 / np.pi)
    return pml_head(lambda _: (-1) ** k * np.cos(4 * angle) - 2 * k, np.linalg.norm(EMBEDDINGS, axis=1)[:, None])()


def pml_proxy_nca():
    return np.mean(-log_softmax(-(2 - 2 * TO_PROXIES), 1)[np.arange(N), LABELS])


def pml_proxy_anchor():
    own = one_hot(LABELS) == 1
    pull = np.log(1 + np.where(own, np.exp(-32 * (TO_PROXIES - 0.1)), 0).sum(0))
    push = np.log(1 + np.where(own, 0, np.exp(32 * (TO_PROXIES + 0.1))).sum(0))
    return pull.mean() + push.mean()


def pml_vicreg():
    total = 25 * np.mean((EMBEDDINGS - OTHERS) ** 2)
    for z in (EMBEDDINGS, OTHERS):
        covariance = np.cov(z.T)
        total += 25 * np.mean(np.maximum(0, 1 - np.sqrt(np.diag(covariance) + 1e-4))) / 2
        total += np.sum((covariance - np.diag(np.diag(covariance))) ** 2) / F
    return total


PML = {
    "NTXentLoss": pml_nt_xent,
    "SupConLoss": pml_sup_con,
    "MultiSimilarityLoss": pml_multi_similarity,
    "CircleLoss": pml_circle,
    "GeneralizedLiftedStructureLoss": pml_lifted,
    "ArcFaceLoss": pml_head(lambda c: np.cos(np.arccos(c) + np.deg2rad(28.6)), 64),
    "CosFaceLoss": pml_head(lambda c: c - 0.35, 64),
    "SphereFaceLoss": pml_sphereface,
    "NormalizedSoftmaxLoss": pml_head(lambda c: c, 20),
    "ProxyNCALoss": pml_proxy_nca,
    "ProxyAnchorLoss": pml_proxy_anchor,
    "VICRegLoss": pml_vicreg,
}


# ---- the recipes -----------------------------------------------------------------------------------------------------


def arguments(framework, name):
    """The arguments there under their names, those that the pages make of them, and the value there."""
    if framework == "tensorflow_addons":
        formula, y_true, y_pred = TFA[name]
        same = (y_true[:, None] == y_true).astype(float) if y_true.ndim == 1 else None
        return {"y_true": y_true, "y_pred": y_pred, "same": same}, formula(y_true, y_pred)
    if framework == "monai":
        target = one_hot(IMAGE_IDS, 1)
        data = (EMBEDDINGS, OTHERS) if name == "ContrastiveLoss" else (SCORES, target)
        last = {"probabilities": softmax(SCORES, 1), "logits": SCORES, "labels": target}
        given = {"input": data[0], "target": data[1], **{key: np.moveaxis(x, 1, -1) for key, x in last.items()}}
        return given, MONAI[name](*data)
    if framework == "segmentation_models_pytorch":
        if name == "wing_loss":
            return {"y_pred": 9 * EMBEDDINGS, "target": OTHERS}, SMP[name](9 * EMBEDDINGS, OTHERS)
        ids = np.where(IMAGE_IDS == 2, 0, IMAGE_IDS) if name.startswith(("Dice", "Jaccard")) else IMAGE_IDS
        logits = np.moveaxis(SCORES, 1, -1)
        made = {"logits": logits, "probabilities": softmax(logits, -1), "one_hot": one_hot(ids), "classes": C}
        return {"y_pred": SCORES, "y_true": ids, "smooth_factor": SMOOTH, **made}, SMP[name](SCORES, ids)
    lengths = np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)
    made = {"unit": unit(EMBEDDINGS), "cosines": TO_PROXIES, "lengths": lengths}
    return {"embeddings": EMBEDDINGS, "labels": LABELS, "proxies": PROXIES, "ref_emb": OTHERS, **made}, PML[name]()


RECIPES = [(framework, alias) for framework, rows in PEERS.items() for alias in rows if alias.exactly]


@pytest.mark.parametrize(("framework", "alias"), RECIPES, ids=lambda x: x if isinstance(x, str) else x.names[0])
def test_a_recipe_computes_what_they_do(framework, alias):
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        given, due = arguments(framework, alias.names[0])
        given = {key: jnp.asarray(x) if isinstance(x, np.ndarray) else x for key, x in given.items()}
        got = eval(alias.exactly, {"jaxloss": jaxloss, "jnp": jnp, **given})
        assert np.shape(got) == np.shape(due)
        np.testing.assert_allclose(got, due, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("framework", "alias"), RECIPES, ids=lambda x: x if isinstance(x, str) else x.names[0])
def test_a_recipe_is_of_the_loss_with_the_parameters_of_its_row(framework, alias):
    assert alias.exactly.count(f"jaxloss.{alias.loss}(") == 1 or alias.differs
    for name, value in alias.params.items():
        if name in ("ignore_index", "gamma"):
            continue  # the default of both there
        written = f"{name}={value!r}".replace("1e-05", "1e-5")
        assert written in alias.exactly or name == "margin", written


COMPARED = {*GENERAL, "rax", "trl"}  # rax in test_parity.py and ranking/, the formulas of TRL in preference/


def test_a_row_without_a_difference_has_a_recipe_or_a_framework_to_compare_with():
    for framework, rows in PEERS.items():
        if framework not in COMPARED:
            assert all(alias.differs or alias.exactly for alias in rows)


@pytest.mark.parametrize("framework", [name for name in PEERS if name != "torchvision"])
def test_every_framework_has_a_page_with_its_table(framework, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS / "_ext"), *sys.path])
    spec = importlib.util.spec_from_file_location("migration", DOCS / "_ext/migration.py")
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)
    table = migration.page(framework, PEERS[framework])
    for alias in PEERS[framework]:
        assert f"`{alias.names[0]}`" in table
        assert f"~jaxloss.{alias.loss}`" in table
        assert alias.differs.replace("|", r"\|") in table
    text = (DOCS / f"migration/{framework}.md").read_text(encoding="utf-8")
    assert f"_generated/migration-{framework}.md" in text
    assert f"migration/{framework}\n" in (DOCS / "index.md").read_text(encoding="utf-8")
