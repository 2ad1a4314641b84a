"""Make ``cox_numbers.json``: ``python tests/probabilistic/make_cox_numbers.py``, with lifelines installed (0.30.3).

The data are real, with ties and censoring: the 432 released prisoners of Rossi, Berk and Lenihan (1980), Money, work
and crime, who come with lifelines: the week of an arrest, or 52 without one, and seven covariates. The numbers are
where lifelines finds the likelihood to be greatest, and what it is there: for Efron's way with ties from the data as
they are; for Breslow's, which lifelines does not have, from a stratum for each event, of all who are at risk at its
time, in which it is the only one. The likelihood of one event in a stratum has no ties and is Breslow's term.
"""

import json
from pathlib import Path

import pandas as pd
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi

COVARIATES = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


def main() -> None:
    """Fit twice and write."""
    rossi = load_rossi()
    dead = rossi.index[rossi["arrest"] == 1]
    strata = pd.concat(
        rossi[rossi["week"] >= rossi["week"][i]].assign(
            stratum=k, arrest=lambda rows, i=i: (rows.index == i) * 1, week=1
        )
        for k, i in enumerate(dead)
    )
    document = {
        "week": rossi["week"].tolist(),
        "arrest": rossi["arrest"].tolist(),
        "covariates": rossi[COVARIATES].to_numpy().tolist(),
    }
    for ties, data, options in (("efron", rossi, {}), ("breslow", strata, {"strata": ["stratum"]})):
        fitted = CoxPHFitter().fit(data, "week", "arrest", fit_options={"precision": 1e-12}, **options)
        coefficients = [float(fitted.params_[name]) for name in COVARIATES]
        document[ties] = {"coefficients": coefficients, "log_likelihood": float(fitted.log_likelihood_)}
    path = Path(__file__).with_name("cox_numbers.json")
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
