"""A process that runs the parameter servers of a cluster until its standard input ends.

It is a program of its own: `python parameter_servers.py HOST:PORT,... HOST:PORT,...` with the addresses of
the servers and of the workers.
"""

from __future__ import annotations

import sys

import tensorflow as tf

if __name__ == "__main__":
    servers, workers = (addresses.split(",") for addresses in sys.argv[1:])
    cluster = {"ps": servers, "worker": workers}
    running = [tf.distribute.Server(cluster, job_name="ps", task_index=task) for task in range(len(servers))]
    print("ready", flush=True)
    # The end of the parent is the end of its pipe, however it ends.
    sys.stdin.read()
