"""Cases of `jaxloss.regularization`."""
