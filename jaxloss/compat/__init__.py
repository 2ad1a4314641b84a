"""The losses of other libraries under their names, with their arguments and shapes, computed by ours."""
