"""Cases of sequence losses."""
