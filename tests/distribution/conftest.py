"""A cluster: two parameter servers in a process of their own, two workers in this one."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import tensorflow as tf

tf1 = tf.compat.v1
PROGRAM = pathlib.Path(__file__).with_name("parameter_servers.py")


@dataclass
class Cluster:
    """A running cluster.

    Attributes:
        targets: what a session of each worker connects to.
    """

    spec: Any
    targets: list[str]

    def device(self, worker: int = 0) -> Any:
        """Places variables on the parameter servers in turn, and everything else on a worker."""
        return tf1.device(
            tf1.train.replica_device_setter(cluster=self.spec, worker_device=f"/job:worker/task:{worker}")
        )


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Cluster]:
    addresses = [f"localhost:{port}" for port in free_ports(4)]
    spec = tf.train.ClusterSpec({"ps": addresses[:2], "worker": addresses[2:]})
    command = [sys.executable, str(PROGRAM), ",".join(addresses[:2]), ",".join(addresses[2:])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        workers = [tf.distribute.Server(spec, job_name="worker", task_index=task) for task in range(2)]
        yield Cluster(spec, [worker.target for worker in workers])


@pytest.fixture
def cluster(running_cluster: Cluster) -> Cluster:
    """The cluster as after a start of all its processes: without any variable or table."""
    for target in running_cluster.targets:
        tf1.Session.reset(target)
    return running_cluster


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
