"""Cases of `jaxloss.preference`."""
