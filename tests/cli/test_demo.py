"""The parts of the demo with few steps, and the page that they make."""

import json
import re
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxloss.cli import pictures
from jaxloss.cli.cases import find
from jaxloss.cli.demo import (
    digits,
    gallery,
    intervals,
    learning_to_rank,
    proof,
    report,
    retrieval,
    robust,
    segmentation,
    throughput,
    tour,
    twins,
    vae,
)
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table


@pytest.fixture(autouse=True)
def _promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax counts its steps in integers
        yield


class Log:
    """Counts steps and remembers what was said."""

    def __init__(self):
        self.steps, self.said = 0, []

    def __call__(self, what=""):
        self.steps += 1
        self.said += [what] if what else []


def test_w29_digits_are_learned_with_every_loss():
    log = Log()
    part = digits.part(log, epochs=4)
    assert log.steps == len(digits.OBJECTIVES) * 5
    assert {row[0] for row in part.tables[0].rows} == {objective.name for objective in digits.OBJECTIVES}
    assert min(fit["test_accuracy"] for fit in part.data.values()) > 0.9  # after a seventh of the demo's epochs


def test_digits_are_split_once_and_for_all():
    data = digits.load()
    assert len(data.labels) + len(data.test_labels) == 1797
    assert data.images.min() == 0
    assert data.images.max() == 1
    np.testing.assert_array_equal(data.test_labels, digits.load().test_labels)


def test_w26_the_terms_of_the_autoencoder_are_reported_apart():
    log = Log()
    fitted = vae.fit(digits.load(), steps=2 * vae.CHUNK, advance=log)
    assert set(fitted.terms) == {"reconstruction", "kl"}
    assert fitted.terms["reconstruction"][1] < fitted.terms["reconstruction"][0]
    assert vae._samples(fitted.params, pictures.LIGHT).axes[0].images  # of the prior, decoded


def test_w26_the_total_is_the_reconstruction_plus_a_hundredth_of_kl():
    mean, log_variance = np.float32([[0.5, -1.0]]), np.float32([[0.2, -0.3]])
    logits, pixels = np.float32([[2.0, -1.0]]), np.float32([[1.0, 0.25]])
    total, terms = vae.objective(vae.Outputs(mean, log_variance, logits), pixels)
    kl = -0.5 * np.mean(1 + log_variance - mean**2 - np.exp(log_variance))
    reconstruction = np.mean(np.logaddexp(0, logits) - logits * pixels)
    np.testing.assert_allclose(terms["kl"], kl, rtol=1e-5)
    np.testing.assert_allclose(terms["reconstruction"], reconstruction, rtol=1e-5)
    np.testing.assert_allclose(total, reconstruction + 0.01 * kl, rtol=1e-5)


def test_w17_two_focal_formulas_agree_on_hard_labels_and_part_on_soft_ones():
    part = twins.part(Log(), steps=20)
    assert part.data["hard"]["largest_drift"] < 1e-5
    assert part.data["soft"]["largest_drift"] > 1e-3
    assert part.claims[0].holds
    logits, labels = np.float32([-1.0, 0.5, 2.0]), np.float32([0.1, 0.9, 0.9])
    p = 1 / (1 + np.exp(-logits))
    entropy = -labels * np.log(p) - (1 - labels) * np.log(1 - p)
    factors = {"quality_focal": np.abs(labels - p), "sigmoid_focal_exp": 1 - np.exp(-entropy)}
    assert list(twins.FORMULAS) == list(factors)
    for name, factor in factors.items():
        np.testing.assert_allclose(twins.FORMULAS[name](logits, labels), np.mean(factor**2 * entropy), rtol=1e-5)


def test_robust_losses_beat_the_squared_error_on_clean_targets():
    part = robust.part(Log(), steps=400)
    errors = {name: entry["mean_squared_error"] for name, entry in part.data.items() if name != "clean_training"}
    squared = errors.pop("squared_error")
    assert max(errors.values()) < squared / 2
    assert part.claims[0].holds


def test_segmentation_never_learns_from_the_test_columns():
    scenes = segmentation.load()
    assert scenes.labels.shape == scenes.brightness.shape == (2, 212, 320)
    assert 0.1 < np.mean(scenes.labels == 1) < 0.2
    spoiled = scenes._replace(labels=np.where(scenes.test, -100, scenes.labels))
    for objective in segmentation.OBJECTIVES:
        fits = [segmentation.fit(objective.loss, s, steps=2, advance=Log()) for s in (scenes, spoiled)]
        np.testing.assert_array_equal(fits[0].predictions, fits[1].predictions)
    np.testing.assert_allclose(
        segmentation.intersection_over_union(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])), [1 / 2, 1 / 3, 0]
    )


def test_retrieval_counts_equal_digits_among_the_nearest():
    points = np.array([[1, 0], [1, 0.1], [0, 1], [0.2, 1], [1, 0.4]])
    precision, nearest = retrieval.retrieval(points, np.array([0, 0, 1, 1, 1]))
    # The last lies with the first two and finds none of its kind; the other two of the kind find each other, then it.
    assert precision == pytest.approx(4 / 5)
    assert nearest == pytest.approx(4 / 5)


def test_embeddings_learn_to_retrieve():
    part = retrieval.part(Log(), steps=40)
    before = part.data["no training"]["r_precision"]
    assert min(part.data[o.name]["r_precision"] for o in retrieval.OBJECTIVES) > before + 0.1
    assert part.pictures[0].draw(pictures.LIGHT).axes


def test_lists_have_the_grades_of_their_digits():
    images = np.arange(10.0).reshape(10, 1, 1)
    lists = learning_to_rank.lists_of(images, np.arange(10), 50, np.random.default_rng(0))
    apart = np.abs(lists.items[..., 0] - lists.queries)
    np.testing.assert_array_equal(lists.labels, np.maximum(2 - apart, 0))


def test_ranking_losses_learn_an_order():
    part = learning_to_rank.part(Log(), steps=60)
    before = part.data["no training"]["ndcg_at_10"]
    assert min(part.data[o.name]["ndcg_at_10"] for o in learning_to_rank.OBJECTIVES[1:]) > before + 0.1
    assert part.pictures[0].draw(pictures.LIGHT).axes


def test_coverage_is_the_share_within_the_interval():
    quantiles = np.tile(intervals.LEVELS, (200, 1))  # of a uniform distribution
    targets = (np.arange(200) + 0.5) / 200
    for share in (0.2, 0.5, 0.9):
        assert np.mean(intervals.within(quantiles, targets, share)) == pytest.approx(share, abs=0.01)


def test_no_patient_is_predicted_by_a_model_of_their_own_fold():
    patients = intervals.load()
    chosen = patients.folds == 3
    spoiled = patients._replace(targets=np.where(chosen, 1e3, patients.targets).astype(np.float32))
    for objective in intervals.OBJECTIVES:
        fits = [intervals.fit(objective, p, steps=2, advance=Log()) for p in (patients, spoiled)]
        np.testing.assert_array_equal(*(f.quantiles[chosen] for f in fits))
        assert np.any(fits[0].quantiles[~chosen] != fits[1].quantiles[~chosen])


def test_intervals_cover_what_they_should():
    log = Log()
    part = intervals.part(log)
    assert log.steps == len(intervals.OBJECTIVES) * (intervals.STEPS // intervals.CHUNK + 1)
    assert all(claim.holds for claim in part.claims)
    assert all(picture.draw(pictures.LIGHT).axes for picture in part.pictures)


def test_throughput_times_every_duel():
    part = throughput.part(Log(), rounds=1, elements=1 << 12)
    assert set(part.data["seconds"]) == {duel.name for duel in throughput.DUELS}
    assert all(seconds > 0 for pair in part.data["seconds"].values() for seconds in pair.values())


def test_the_gallery_draws_from_the_cases():
    part = gallery.part(Log())
    assert len(part.pictures) == len(gallery.WALLS)
    assert part.pictures[0].draw(pictures.DARK).axes


def test_proof_says_what_failed(monkeypatch):
    result = {
        "name": "planted", "family": "mine", "promised_ulps": 4, "differentiable": 0, "passed": ["signature"],
        "accuracy": [{"dtype": "float32", "value_ulps": 0.5, "gradient_ulps": float("inf"), "worst": ""}],
        "failures": {"accuracy": "inf ulp, promised 4"}, "seconds": 0.1, "ok": False,
    }  # fmt: skip
    monkeypatch.setattr(proof.verification, "verify_all", lambda *_, finished, **__: finished(result) or [result])
    log = Log()
    part = proof.part(log, find(["huber"]), jobs=1)
    assert log.said == ["planted FAILED: accuracy"]
    assert part.claims == [Claim("0/1", "cases keep every law of the quick verification", False)]
    assert part.tables[0].rows == [("planted", "accuracy", "inf ulp, promised 4")]
    assert part.pictures[0].draw(pictures.LIGHT).axes


def test_the_report_needs_nothing_else(tmp_path):
    drawing = Picture("line", "A <line>", partial(_line))
    part = Part(
        key="one",
        title="One & only",
        text="text",
        claims=[Claim("1 %", "held", True), Claim("2 %", "not held", False)],
        pictures=[drawing],
        tables=[Table("T", ("a", "b"), [("x", "1")]), Table("U", ("a",), [("y",)], folded=True)],
        code="a < b",
        data={"bad": float("nan"), "good": [1.5]},
    )
    report.write(tmp_path, [part], environment={"Device": "a & b"})
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "One &amp; only" in page
    assert "a &lt; b" in page
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "$" not in page
    assert 'class="claim missed"' in page
    assert (tmp_path / "line.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "report.json").read_text())["one"] == {"bad": "nan", "good": [1.5]}


def _line(theme):
    figure, ((axes,),) = pictures.new(theme)
    axes.plot([0, 1])
    return figure


@pytest.mark.slow
def test_the_whole_tour(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gallery, "WALLS", gallery.WALLS[:1])
    monkeypatch.setattr(digits, "OBJECTIVES", digits.OBJECTIVES[:1])
    monkeypatch.setattr(robust, "OBJECTIVES", robust.OBJECTIVES[:1] + robust.OBJECTIVES[-1:])
    monkeypatch.setattr(throughput, "DUELS", throughput.DUELS[:1])
    monkeypatch.setattr(report, "DPI", 40)
    monkeypatch.setattr(segmentation, "OBJECTIVES", segmentation.OBJECTIVES[:2])
    monkeypatch.setattr(retrieval, "OBJECTIVES", retrieval.OBJECTIVES[:1])
    monkeypatch.setattr(learning_to_rank, "OBJECTIVES", learning_to_rank.OBJECTIVES[:2])
    tour.run(tmp_path / "report", everything=True, quick=True, jobs=1)
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    parts = {"classification", "vae", "focal", "robust", "segmentation", "embedding", "ranking"}
    parts |= {"intervals", "verification", "throughput"}
    assert set(document) == {"environment", *parts}
    assert {path.stem for path in Path(tmp_path, "report").glob("*.png")} >= {
        "vae-digits",
        "vae-samples",
        "focal-drift",
        "verification",
    }
    assert "report 1/1" in capsys.readouterr().err
