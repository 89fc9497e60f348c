"""Names for a module's state: one under which variable scope and name scope agree."""

from __future__ import annotations

import tensorflow as tf


def new_state_scope(name: str) -> str:
    """Claims `name`, or the first of `name_1`, `name_2`, ... that is free as both kinds of scope.

    State lies inside the caller's *variable* scope, as any variable does; a mere name scope does not
    reach it. So `with variable_scope("outer")` gives `outer/module`, also when it is entered again.

    Returns:
        The absolute scope, without a slash at its end.
    """
    graph = tf.compat.v1.get_default_graph()
    while True:
        # Each try marks a variable scope as used, so that the next one proposes the next number.
        with tf.compat.v1.variable_scope(None, default_name=name, auxiliary_name_scope=False) as scope:
            candidate = scope.name
        # None leaves all name scopes, so that the name is asked for as it stands.
        with tf.compat.v1.name_scope(None):
            if graph.unique_name(candidate, mark_as_used=False) == candidate:
                return str(graph.unique_name(candidate, mark_as_used=True))
