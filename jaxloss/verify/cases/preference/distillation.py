"""Cases of `jaxloss.preference.distillation`."""

import dataclasses

from mpmath import exp, log, mpf

from jaxloss.preference.distillation import distillation
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.divergence import closed_forms
from jaxloss.verify.cases.preference import of_many_digits

LOGITS = dataclasses.replace(
    closed_forms._logits(rows=True),
    names=("student_logits", "teacher_logits"),
    xlabel="student's logit, teacher's 1, others 0",
    held=(1,),
)


def _softmax(z):
    e = [exp(x) for x in z]
    return [x / sum(e) for x in e]


def _kl(p, q):
    return sum(a * log(a / b) for a, b in zip(p, q, strict=True))


@of_many_digits
def _distillation(student, teacher, temperature=mpf(1), direction="forward", beta=mpf(1) / 2, rescale=False):
    p, q = (_softmax([x / temperature for x in z]) for z in (student, teacher))
    if direction == "jsd":
        m = [beta * b + (1 - beta) * a for a, b in zip(p, q, strict=True)]
        value = beta * _kl(q, m) + (1 - beta) * _kl(p, m)
    else:
        value = _kl(q, p) if direction == "forward" else _kl(p, q)
    return temperature**2 * value if rescale else value


CASES = tuple(
    Case(
        loss=distillation,
        inputs=LOGITS,
        reference=_distillation,
        formula=formula,
        params=params,
        learnable=tuple(key for key in ("temperature", "beta") if key in params),
        properties={Property.NON_NEGATIVE, Property.ZERO_AT_TARGET, Property.SHIFT_INVARIANT}
        | ({Property.CONVEX} if "direction" not in params else set()),
        ulps=16 if params.get("direction") == "jsd" else 8,
        conditioned=True,
    )
    for formula, params in (
        ("Σ q log(q/p), softmax q of the teacher, held fixed", {}),
        ("τ² Σ q log(q/p), of logits / τ", {"temperature": 2.0, "rescale": True}),
        ("Σ p log(p/q)", {"direction": "reverse"}),
        ("β KL(q‖m) + (1 − β) KL(p‖m), m = βq + (1 − β)p", {"direction": "jsd", "beta": 0.25}),
    )
)
