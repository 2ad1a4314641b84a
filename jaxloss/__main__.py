"""``jaxloss`` and ``python -m jaxloss``: the command line, where its extra is installed."""

from __future__ import annotations

import importlib.util
import sys

__all__ = ["main"]

NEEDED = ("typer", "rich", "matplotlib", "sklearn", "mpmath")


def main() -> None:
    """Run the command line, or say in one line what it lacks."""
    if any(importlib.util.find_spec(package) is None for package in NEEDED):
        print("jaxloss: the command line needs its extra: pip install 'jaxloss[cli]'", file=sys.stderr)
        sys.exit(2)
    from jaxloss.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
