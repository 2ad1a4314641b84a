"""Cases of `jaxloss.detection`."""
