"""Cases of `jaxloss.preference.direct`."""

from mpmath import exp, log, log1p, mpf

from jaxloss.preference.direct import dpo
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.preference import completions, of_many_digits, sigmoid

NAMES = ("chosen_log_probs", "rejected_log_probs", "reference_chosen_log_probs", "reference_rejected_log_probs")


def _surprise(z):
    """-log sigma(z)."""
    return log1p(exp(-z))


FORMS = {
    "sigmoid": lambda u, v, beta, s, tau: (1 - s) * _surprise(beta * (u - v)) + s * _surprise(beta * (v - u)),
    "robust": lambda u, v, beta, s, tau: (
        ((1 - s) * _surprise(beta * (u - v)) - s * _surprise(beta * (v - u))) / (1 - 2 * s)
    ),
    "exo_pair": lambda u, v, beta, s, tau: (
        sigmoid(beta * (u - v)) * (-_surprise(beta * (u - v)) - log(1 - s))
        + sigmoid(beta * (v - u)) * (-_surprise(beta * (v - u)) - log(s))
    ),
    "hinge": lambda u, v, beta, s, tau: max(0, 1 - beta * (u - v)),
    "ipo": lambda u, v, beta, s, tau: (u - v - 1 / (2 * beta)) ** 2,
    "nca_pair": lambda u, v, beta, s, tau: _surprise(beta * u) + _surprise(-beta * u) / 2 + _surprise(-beta * v) / 2,
    "bco_pair": lambda u, v, beta, s, tau: _surprise(beta * u) + _surprise(-beta * v),
    "sppo_hard": lambda u, v, beta, s, tau: (u - 1 / (2 * beta)) ** 2 + (v + 1 / (2 * beta)) ** 2,
    "apo_zero": lambda u, v, beta, s, tau: sigmoid(-beta * u) + sigmoid(beta * v),
    "apo_down": lambda u, v, beta, s, tau: sigmoid(beta * u) + sigmoid(beta * (v - u)),
    "discopop": lambda u, v, beta, s, tau: (
        _surprise(beta * (u - v)) * sigmoid(beta * (v - u) / tau) + exp(-beta * (u - v)) * sigmoid(beta * (u - v) / tau)
    ),
}
FORMULAS = {
    "sigmoid": "−log σ(β(u − v)), log-ratios u of the chosen, v of the rejected",
    "robust": "(−(1 − s) log σ(z) + s log σ(−z)) / (1 − 2s), z = β(u − v)",
    "exo_pair": "KL(σ(z) ‖ 1 − s), z = β(u − v)",
    "hinge": "max(0, 1 − β(u − v))",
    "ipo": "(u − v − 1/(2β))²",
    "nca_pair": "−log σ(βu) − ½ log σ(−βu) − ½ log σ(−βv)",
    "bco_pair": "−log σ(βu) − log σ(−βv)",
    "sppo_hard": "(u − 1/(2β))² + (v + 1/(2β))²",
    "apo_zero": "σ(−βu) + σ(βv)",
    "apo_down": "σ(βu) + σ(−β(u − v))",
    "discopop": "−σ(−z/τ) log σ(z) + σ(z/τ) e^−z, z = β(u − v)",
}
CONVEX = {"sigmoid", "hinge", "ipo", "nca_pair", "bco_pair", "sppo_hard", "robust"}
SIGNED = {"robust"}
ULPS = {"exo_pair": 8, "nca_pair": 8, "apo_down": 8, "discopop": 16}  # their slopes are differences of terms


@of_many_digits
def _dpo(c, r, reference_c, reference_r, variant="sigmoid", beta=mpf("0.1"), label_smoothing=0, tau=mpf("0.05")):
    return FORMS[variant](c - reference_c, r - reference_r, mpf(beta), mpf(label_smoothing), tau)


def _case(variant="sigmoid", **params):
    properties = {Property.CONVEX} if variant in CONVEX else set()
    return Case(
        loss=dpo,
        inputs=completions(*NAMES, kinks=(10.0,) if variant == "hinge" else (), held=(2, 3)),
        reference=_dpo,
        formula=FORMULAS[variant],
        params={**({} if variant == "sigmoid" else {"variant": variant}), **params},
        learnable=("beta",) if "beta" in params else (),
        differentiable=0 if variant == "hinge" else None,
        properties=properties | (set() if variant in SIGNED else {Property.NON_NEGATIVE}),
        ulps=ULPS.get(variant, 4),
        conditioned=True,
    )


CASES = (
    _case(),
    _case(beta=0.5, label_smoothing=0.125),
    _case("robust", label_smoothing=0.25),
    _case("exo_pair", label_smoothing=0.0625),
    *(_case(variant) for variant in ("hinge", "ipo", "nca_pair", "bco_pair", "sppo_hard")),
    *(_case(variant) for variant in ("apo_zero", "apo_down", "discopop")),
)
