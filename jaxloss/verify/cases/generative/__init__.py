"""Cases of `jaxloss.generative`."""
