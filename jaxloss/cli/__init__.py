"""The command line: ``jaxloss list``, ``verify``, ``plot`` and ``demo``. Needs ``pip install 'jaxloss[cli]'``."""
