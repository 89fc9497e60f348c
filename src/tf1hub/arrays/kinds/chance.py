"""Ops that draw random numbers: of TensorFlow's distributions, from keys of our own.

What each draws is said by TensorFlow's op definitions (`core/ops/random_ops.cc`, `stateless_random_ops.cc`). The
numbers are never TensorFlow's; their distribution is. An op with state draws from the generator of the run, a
stateless one from its seed, which gives the same numbers each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import sizes_of
from tf1hub.arrays.randomness import Random


def _seed(seed: Any) -> Any:
    """The numbers of a stateless op, which its seed decides."""
    if isinstance(seed, np.ndarray):
        return Random([int(n) % (1 << 64) for n in seed.ravel()])
    import jax

    from tf1hub.arrays.keys import KeyRandom

    key = jax.random.fold_in(jax.random.key(0), seed[0])
    return KeyRandom(jax.random.fold_in(key, seed[1]))


@op("RandomUniform", "StatelessRandomUniform", random=True, known=(0,))
def random_uniform(call: Call, sizes: Any, *seed: Any) -> Any:
    """Numbers from 0 up to 1."""
    return _draws(call, seed).uniform(sizes_of(sizes), call.dtype("dtype"))


@op("RandomStandardNormal", "StatelessRandomNormal", random=True, known=(0,))
def random_normal(call: Call, sizes: Any, *seed: Any) -> Any:
    """Numbers of mean 0 and variance 1."""
    return _draws(call, seed).normal(sizes_of(sizes), call.dtype("dtype"))


@op("TruncatedNormal", "StatelessTruncatedNormal", random=True, known=(0,))
def truncated_normal(call: Call, sizes: Any, *seed: Any) -> Any:
    """Numbers of mean 0 and variance 1, with those beyond two standard deviations drawn again."""
    return _draws(call, seed).truncated_normal(sizes_of(sizes), call.dtype("dtype"))


@op("RandomUniformInt", "StatelessRandomUniformInt", random=True, known=(0,))
def random_integers(call: Call, sizes: Any, *given: Any) -> Any:
    """Integers from a least one up to a limit, which is left out."""
    *seed, low, high = given
    return _draws(call, seed).integers(low, high, sizes_of(sizes), low.dtype)


def _draws(call: Call, seed: Any) -> Any:
    return _seed(seed[0]) if len(seed) else call.random


@op("Multinomial", "StatelessMultinomial", random=True, known=(1,))
def multinomial(call: Call, logits: Any, count: Any, *seed: Any) -> Any:
    """Classes drawn for each row with the probabilities whose logarithms are given: Gumbel's maximum."""
    xp, number = call.xp, int(count)
    wide = logits.astype(np.float32)[:, np.newaxis]
    sizes = (wide.shape[0], number, wide.shape[-1])
    tiny = np.float32(np.finfo(np.float32).tiny)
    uniform = xp.maximum(_draws(call, seed).uniform(sizes, np.float32), tiny)
    return xp.argmax(wide - xp.log(-xp.log(uniform)), axis=-1).astype(call.dtype("output_dtype"))


@op("RandomGamma", random=True, known=(0,))
def random_gamma(call: Call, sizes: Any, alpha: Any) -> Any:
    """Numbers of gamma distributions, of some shape for each given one."""
    return call.random.gamma(alpha, (*sizes_of(sizes), *alpha.shape), alpha.dtype)


@op("RandomPoissonV2", random=True, known=(0,))
def random_poisson(call: Call, sizes: Any, rate: Any) -> Any:
    """Numbers of Poisson's distributions, of some shape for each rate."""
    dtype = call.dtype("dtype")
    return call.random.poisson(rate, (*sizes_of(sizes), *rate.shape), dtype)


@op("RandomShuffle", random=True)
def random_shuffle(call: Call, x: Any) -> Any:
    """Rows in random order."""
    return x[call.random.permutation(x.shape[0])] if x.ndim else x
