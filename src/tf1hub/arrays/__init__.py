"""One table of ops over NumPy's array API: the NumPy engine, JAX, constants, the host part of strings."""
