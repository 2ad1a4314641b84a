"""The commands: what they print, their exit codes, and usage errors in one line."""

import json
import subprocess
import sys

import matplotlib.image
import pytest

import jaxloss.__main__
from jaxloss.cli.app import app, run
from jaxloss.cli.cases import Address, find, first, library
from jaxloss.verify import Case

testing = pytest.importorskip("typer.testing")

MINE = """
import jax.numpy as jnp
from jaxloss import checks, reduce
from jaxloss.verify import Case, inputs

def good(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = checks.real_pair("good", predictions, targets)
    predictions, targets = reduce.keep("good", where, predictions, targets)
    return reduce.apply("good", (predictions - targets) ** 2, where=where, weights=weights, reduction=reduction)

def leaky(predictions, targets, *, where=None, weights=None, reduction="mean"):
    return reduce.apply("leaky", (predictions - targets) ** 2, where=where, weights=weights, reduction=reduction)

CASE = Case(loss=good, inputs=inputs.residuals(smallest=1e-17, largest=1e17), reference=lambda p, t: (p - t) ** 2,
            formula="r²", degree=2)
CASES = (CASE, CASE)
NUMBER = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "my_losses.py").write_text(MINE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield "my_losses"
    sys.modules.pop("my_losses", None)


def test_list_prints_every_loss_once(capsys):
    assert run(["list"]) == 0
    text = capsys.readouterr().out
    names = {address.load().loss.__name__ for address in library()}
    assert {line.split()[0] for line in text.splitlines() if line.strip()} >= names
    assert f"{len(names)} losses" in text


def test_list_as_json_of_a_family(capsys):
    assert run(["list", "--family", "regression", "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["huber"]["parameters"] == {"delta": "1.0"}
    assert entries["huber"]["data"] == ["predictions", "targets"]
    assert entries["squared_error"]["differentiable"] == "smooth"
    assert {entry["family"] for entry in entries.values()} == {"regression"}


def test_verify_accepts_a_sound_loss_and_writes_json(mine, capsys):
    code = run(["verify", f"{mine}:CASE", f"{mine}:good", "--like", "squared_error", "--quick", "--json", "out.json"])
    text = capsys.readouterr().out
    assert code == 0
    assert "2 cases" in text
    with open("out.json", encoding="utf-8") as file:
        results = json.load(file)["results"]
    assert [result["name"] for result in results] == ["good", "good"]
    assert all(result["ok"] for result in results)


def test_verify_reports_by_law_and_fails(mine, capsys):
    assert run(["verify", f"{mine}:leaky", "--like", "squared_error", "--quick", "--jobs", "1"]) == 1
    text = capsys.readouterr().out
    assert "masked = removed:" in text
    assert "behind the mask" in text
    assert "1 of 1 cases failed" in text


def test_verify_prints_json_alone_on_stdout(mine, capsys):
    assert run(["verify", f"{mine}:CASE", "--quick", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["results"][0]["name"] == "good"
    assert "verifying 1/1" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "hubber"], "unknown loss 'hubber'; did you mean huber"),
        (["verify", "--family", "regresion"], "unknown family 'regresion'; did you mean regression"),
        (["verify", "no_such_module:loss"], "cannot import 'no_such_module'"),
        (["verify", "my_losses:godo"], "no 'godo' in 'my_losses'; did you mean good?"),
        (["verify", "my_losses:good"], "my_losses:good is a function: say with --like"),
        (["verify", "my_losses:good", "--like", "hubber"], "unknown loss 'hubber'; did you mean huber"),
        (["verify", "my_losses:NUMBER"], "my_losses:NUMBER is neither a loss nor a Case, but int"),
        (["verify", "--jobs", "0"], "'--jobs'"),
        (["verify", "huber", "--json", "."], "is a folder"),
        (["plot", "huber", "--params", "detla=1"], "huber has no parameter 'detla'; it takes delta"),
        (["plot", "huber", "--params", "delta"], "--params takes NAME=VALUE,VALUE,..., got 'delta'"),
        (["plot", "huber", "--span", "3"], "--span takes LOW,HIGH, got '3'"),
        (["plot", "huber", "--params", "delta=-1"], "huber: delta must be positive, got -1"),
        (["plot", "huber", "--out", "my_losses.py/x.png"], "is not a folder"),
        (["plot"], "Missing argument"),
        (["list", "--nonsense"], "No such option"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_a_usage_error_is_one_line(mine, capfd, arguments, message):
    assert run(arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("jaxloss: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_no_command_shows_help(capfd):
    assert run([]) == 2
    captured = capfd.readouterr()
    assert "verify" in captured.out + captured.err


def test_help_of_every_command():
    runner = testing.CliRunner()
    for command in ("list", "verify", "plot", "demo"):
        result = runner.invoke(app, [command, "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["huber", "--params", "delta=0.5,1,2"],
        ["hinge", "logistic", "sigmoid_focal", "--span=-2,4"],
        ["softmax_cross_entropy_with_integer_labels"],
        ["cosine_distance"],
        ["binary_cross_entropy"],
        ["giou"],
        ["diou", "eiou(format=cxcywh)"],
    ],
)
def test_plot_draws_a_picture(arguments, tmp_path, capsys):
    out = tmp_path / "new" / "picture.png"
    assert run(["plot", *arguments, "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    picture = matplotlib.image.imread(out)
    assert picture.shape[1] > 1200
    assert picture.std() > 0.02


def test_a_name_finds_all_cases_of_a_loss_and_a_case_just_itself():
    cases = [address.load() for address in find(["huber"])]
    assert len(cases) > 1
    assert {case.loss.__name__ for case in cases} == {"huber"}
    named = find([cases[-1].name])
    assert [address.load() for address in named] == [cases[-1]]
    assert first("huber").load() is cases[0]


def test_an_address_puts_a_function_in_the_place_of_a_loss(mine):
    (address,) = find([f"{mine}:good"], like="squared_error")
    assert isinstance(address, Address)
    case = address.load()
    assert isinstance(case, Case)
    assert case.name == "good"
    assert case.degree == first("squared_error").load().degree


def test_without_the_extra_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(jaxloss.__main__, "NEEDED", ("no_such_package",))
    with pytest.raises(SystemExit) as stopped:
        jaxloss.__main__.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "jaxloss: the command line needs its extra: pip install 'jaxloss[cli]'\n"


def test_python_m_jaxloss():
    done = subprocess.run(
        [sys.executable, "-m", "jaxloss", "verify", "hubber"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("jaxloss: unknown loss 'hubber'")
