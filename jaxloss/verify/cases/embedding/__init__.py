"""Cases of `jaxloss.embedding`."""
