"""A module in JAX over several devices, and under `vmap`: the numbers of one device. No TensorFlow."""

from __future__ import annotations

import pytest
from fresh_process import printed

pytest.importorskip("jax")

PROGRAM = """
import os, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
sys.modules["tensorflow"] = None  # importing it fails
import jax
import numpy as np
from golden import cases
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import tf1hub as hub

function, params = hub.to_jax(cases.load("image").path, training=True)
images = np.random.default_rng(0).random([8, 16, 16, 3], np.float32)
mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("data", "model"))


def loss_of(trainable, others, images):
    outputs, after = function.apply({**trainable, **others}, images, jax.random.key(0))
    return (outputs["default"] ** 2).mean() + function.regularization(trainable), (outputs["default"], after)


step = jax.jit(jax.value_and_grad(loss_of, has_aux=True))
expected = step(*function.split(params), images)


def over_channels(value):
    divided = value.ndim and value.shape[-1] % 2 == 0
    spec = PartitionSpec(*[None] * (value.ndim - 1), "model") if divided else PartitionSpec()
    return jax.device_put(value, NamedSharding(mesh, spec))


shared = {name: over_channels(value) for name, value in params.items()}
assert sum(not value.is_fully_replicated for value in shared.values()) > 3
batch = jax.device_put(images, NamedSharding(mesh, PartitionSpec("data")))
found = step(*function.split(shared), batch)
assert len(found[0][1][0].sharding.device_set) == 4
for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)

# Each image by itself, and the gradient of each by itself.
function, params = hub.to_jax(cases.load("image").path)
rows = jax.vmap(lambda image: function(params, image[None])["default"][0])(images)
np.testing.assert_allclose(rows, function(params, images)["default"], rtol=1e-4, atol=1e-6)


def summed(params, images):
    return (function(params, images)["default"] ** 2).sum()


each = jax.vmap(jax.grad(summed), (None, 0))(params, images[:3, None])
together = jax.grad(summed)(params, images[:3])
for name, value in together.items():
    np.testing.assert_allclose(each[name].sum(0), value, rtol=1e-3, atol=1e-5)
print("same")
"""


def test_four_devices_and_vmap_give_the_numbers_of_one() -> None:
    assert printed(PROGRAM) == "same\n"
