"""The benchmarks: fair comparison, honest verdicts, results that compare."""

import dataclasses
import json
import math
import time

import jax.numpy as jnp
import numpy as np
import pytest

from bench import gate, results
from bench.__main__ import main
from bench.limits import least_bytes
from bench.run import Result, draw, run_case
from bench.sizes import QUARTER, SIZES, Size, sizes_of
from bench.summary import cells, summarise, verdict
from bench.sweep import exponent, sweep
from jaxloss import measure
from jaxloss.regression.squared import squared_error
from jaxloss.verify.cases import CASES

CASE = next(case for case in CASES if case.loss is squared_error)
SMALL = Size("small", 512, None, "for the tests")


def result(peer="jaxloss", median=1e-3, **changes):
    base = Result(
        name="huber", peer=peer, family="regression", size="small", events=512, classes=None, dtype="float32",
        direction="value and gradient", median=median, p20=median, p80=median, band=0.05, floor=5e-4, least_bytes=6144,
        compile_seconds=0.1, temp_bytes=4096, flops=1.0, bytes_accessed=1.0, value_error=1e-8, gradient_error=1e-8,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def test_a_run_measures_ours_and_the_peer_with_their_errors():
    ours, optax = run_case(CASE, SMALL, peers=("optax",), rounds=3)
    assert (ours.peer, optax.peer) == ("jaxloss", "optax")
    assert 0 < ours.p20 <= ours.median <= ours.p80
    assert ours.least_bytes == 3 * 512 * 4
    assert ours.value_error < 1e-6
    assert not ours.wrong
    assert not optax.wrong


def test_peers_of_every_runtime_are_measured():
    pytest.importorskip("torch", reason="torch is a peer")
    rows = run_case(CASE, SMALL, peers=("optax", "torch"), rounds=2, seconds=1.0)
    assert [row.peer for row in rows] == ["jaxloss", "optax", "torch"]
    assert not any(row.wrong for row in rows)


def test_a_quick_run_takes_less_data_where_there_is_no_peer():
    for case in {case.loss: case for case in reversed(CASES)}.values():
        found = sizes_of(case, quick=True)
        assert len(found) == 1, case.name
        (size,) = found
        assert not (case.peers and size.name in QUARTER.values())
        assert size.name not in QUARTER or case.peers
        assert not any(other.quick for other in sizes_of(case))


def test_data_are_random_and_differ_between_sets():
    first, second = (draw(CASE, SMALL, "float32", seed) for seed in (0, 1))
    assert float(jnp.std(first[0])) > 1
    assert not np.array_equal(first[0], second[0])


def test_rows_get_the_classes_of_the_size():
    rows = next(case for case in CASES if case.inputs.labels == "integer")
    data = draw(rows, Size("rows", 4, 37, ""), "bfloat16", 0)
    assert data[0].shape == (4, 37)
    assert data[0].dtype == jnp.bfloat16
    assert all(size.classes for size in sizes_of(rows))


def test_rows_of_a_length_of_their_own_get_no_other():
    boxes = next(case for case in CASES if case.inputs.fixed)
    (size,) = sizes_of(boxes)
    assert [quick.classes for quick in sizes_of(boxes, quick=True)] == [size.classes]
    assert draw(boxes, size, "float32", 0)[0].shape == (size.events, boxes.inputs.classes)
    rows = next(case for case in CASES if case.inputs.labels == "integer")
    assert size not in sizes_of(rows)
    (swept, *_) = sweep(boxes, peers=(), dtype="float32", direction="forward", low=6, high=6, rounds=1)
    assert swept.classes == 4
    assert set(gate.figures(boxes)) == {"temp_bytes", "flops", "bytes_accessed"}


def test_sequences_get_the_steps_of_the_size():
    sequences = next(case for case in CASES if case.inputs.steps)
    assert draw(sequences, Size("sequences", 2, 7, "", steps=30), "float32", 0)[0].shape == (2, 30, 7)
    (size,) = sizes_of(sequences, quick=True)
    assert all(size.steps for size in sizes_of(sequences))
    rows = next(case for case in CASES if case.inputs.labels == "integer")
    assert size not in sizes_of(rows)


def test_every_size_says_what_it_is():
    assert all(size.about and size.elements > 0 and name == size.name for name, size in SIZES.items())


def test_a_fast_wrong_answer_is_no_best_peer():
    wrong = result("fast", 1e-4, gradient_error=0.5)
    (row,) = summarise([result(), wrong, result("right", 2e-3)])
    assert row.best is not None
    assert row.best.peer == "right"
    assert row.ratio == 2
    assert "fast 0.1 WRONG" in cells(row)[-1]


@pytest.mark.parametrize(
    ("ours", "theirs", "due"),
    [(1e-3, 2e-3, "faster"), (1e-3, 1.04e-3, "equal"), (1e-3, 0.97e-3, "equal"), (2e-3, 1e-3, "slower")],
)
def test_inside_the_control_band_is_equal(ours, theirs, due):
    (row,) = summarise([result(median=ours), result("optax", theirs)])
    assert verdict(row) == due


def test_our_own_wrong_answer_is_called_wrong():
    (row,) = summarise([result(value_error=math.inf)])
    assert verdict(row) == "wrong"


def test_rows_are_sorted_by_the_ratio():
    rows = summarise(
        [
            result(name="a"),
            result("optax", 3e-3, name="a"),
            result(name="b"),
            result("optax", 1e-3, name="b"),
            result(name="c"),
        ]
    )
    assert [row.ours.name for row in rows] == ["b", "a", "c"]


def test_interleaving_finds_the_slower_one():
    def sleeper(seconds):
        return measure.Contender(lambda: time.sleep(seconds), [()])

    timings = measure.interleave({"fast": sleeper(0.001), "slow": sleeper(0.003)}, rounds=5, shortest=0)
    assert timings["slow"].median > 2 * timings["fast"].median


def test_no_further_round_when_the_time_is_over():
    calls = []
    slow = measure.Contender(lambda x: (calls.append(x), time.sleep(0.03)), [(1,), (2,)])
    timings = measure.interleave({"slow": slow, "control": slow}, rounds=9, seconds=0.04, shortest=0)
    assert {len(timing.samples) for timing in timings.values()} == {2}
    assert len(calls) == 4 + 4  # warmed up once, though under two names


def test_the_control_band_covers_the_difference_of_equal_things():
    first = measure.Timing.of([1.0, 1.1, 0.9, 1.0])
    second = measure.Timing.of([1.2, 1.2, 1.2, 1.2])
    assert measure.control_band(first, second) >= math.log(1.2) * 0.99


def test_results_survive_the_file(tmp_path):
    found = [result(), result("optax", value_error=math.inf, compile_seconds=None)]
    results.write(tmp_path / "r.jsonl", found, {"jax": "0"})
    read = results.read(tmp_path / "r.jsonl")
    assert read == [dataclasses.replace(r, environment={"jax": "0"}) for r in found]
    assert json.loads((tmp_path / "r.jsonl").read_text().splitlines()[1])["value_error"] == "inf"


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "r.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(ValueError, match="line 1: not a result"):
        results.read(tmp_path / "r.jsonl")


def test_compare_finds_what_got_slower_or_larger(tmp_path, capsys):
    results.write(tmp_path / "old", [result()], {})
    results.write(tmp_path / "same", [result(median=1.05e-3)], {})
    results.write(tmp_path / "slow", [result(median=1.3e-3)], {})
    results.write(tmp_path / "large", [result(temp_bytes=90_000)], {})
    old = str(tmp_path / "old")
    assert main(["compare", old, str(tmp_path / "same")]) == 0
    assert main(["compare", old, str(tmp_path / "slow")]) == 1
    assert "1 ms became 1.3 ms (1.30x" in capsys.readouterr().out
    assert main(["compare", old, str(tmp_path / "large")]) == 1
    assert "temporary memory 4,096 became 90,000 bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["squared_eror"], "did you mean squared_error"),
        (["--size", "tabular-1m", "squared_error"], "did you mean tabular-1M?"),
        (["--peers", "jax"], "unknown peer 'jax': there are optax"),
        (["--dtype", "int8"], "unknown dtype 'int8'"),
        (["--family", "nothing"], "unknown family 'nothing'"),
        (["compare", "one"], "two files"),
        (["compare", "no-such-file", "no-such-file"], "no-such-file"),
    ],
)
def test_usage_errors_list_what_there_is(argv, says, capsys):
    assert main(argv) == 2
    assert says in capsys.readouterr().err


def test_the_exponent_of_a_quadratic_is_two():
    rows = [result(events=n, median=n**2 * 1e-9) for n in (1 << 10, 1 << 12, 1 << 14, 1 << 16)]
    assert exponent(rows, "jaxloss") == pytest.approx(2)


def test_the_gate_sees_a_copy_of_the_problem():
    greedy = dataclasses.replace(CASE, loss=lambda p, t, **_: jnp.sum(jnp.sort(p - t) ** 2))
    recorded, found = gate.figures(CASE), gate.figures(greedy)
    assert not gate.worse("loss", recorded, recorded, same_version=True)
    assert gate.worse("loss", recorded, found, same_version=True)


def test_least_bytes_counts_the_gradient_once():
    data = draw(CASE, SMALL, "bfloat16", 0)
    assert least_bytes(data, "forward") == 2 * 512 * 2
    assert least_bytes(data, "value and gradient") == 3 * 512 * 2


def test_a_sweep_and_its_picture(tmp_path, capsys):
    picture = tmp_path / "sweep.png"
    assert main(["squared_error", "--sweep", "--quick", "--peers", "optax", "--plot", str(picture)]) == 0
    assert "n^" in capsys.readouterr().out
    assert picture.stat().st_size > 10_000
