import numpy as np

from csi_service.core.composite import reason, walk
from csi_service.core.levels import LEVELS, level_shares
from csi_service.core.ratings import rating_nodes
from tests.make import numbers, same


def test_the_node_of_the_ratings_holds_mean_level_satisfied_share_and_the_five_shares():
    # group 0: 0, 0, 10, 60, 30 of 100 ratings; group 1 has a batch without ratings
    shares = level_shares(np.array([[0, 0, 10, 60, 30], [0] * 5], np.float64), numbers(9000, 500), np.array([0, 1]), 2)
    node = rating_nodes(shares, ("2021-01-B",))
    assert [key for key, _ in walk(node)] == ["ratings", *(f"ratings.{level}" for level in LEVELS)]
    assert same([node.raw[0], node.value[0], node.n[0]], [4.2, 0.9, 100])  # (30 + 240 + 150) / 100; 0.6 + 0.3
    assert same([child.value[0] for child in node.children], [0, 0, 0.1, 0.6, 0.3])
    assert node.notes == {"weighting": "population", "fallback": False, "empty_batches": ("2021-01-B",)}
    assert same([*node.beside["batches"], *node.coverage], [1, 0, 1, 0])
    assert {reason(some, 1) for _, some in walk(node)} == {"no_data"}
    assert np.isnan([some.value[1] for _, some in walk(node)]).all()
