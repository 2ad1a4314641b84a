"""Ops that need the memory of a block where the formula needs that of the problem: a folder for each.

In a folder, ``reference`` is the op in a few lines with everything in memory, the other modules are implementations of
the same function, and ``shapes`` says how large their blocks are. Rows in, rows out: masks, weights and reductions are
the caller's, as are names and checks; the public losses live in their families.
"""
