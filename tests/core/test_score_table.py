import pandas as pd

from csi_service.core.composite import score
from csi_service.core.score_table import COLUMNS, long_table
from tests.make import make_measures, make_weights, same, scores


def test_the_long_table_has_one_row_a_group_and_node():
    columns = make_measures({"evaluations": [40, 0], "evaluation_scores": [36, 0]})
    table = long_table(pd.DataFrame({"team": ["a", "b"], "period": "2021-01"}), [score(columns, 2, make_weights())])
    nodes = scores(columns)
    assert list(table.columns) == ["team", "period", *COLUMNS]
    assert table["node"].tolist() == [*nodes, *nodes]
    assert table["team"].tolist() == ["a"] * len(nodes) + ["b"] * len(nodes)
    for group, rows in enumerate((table[: len(nodes)], table[len(nodes) :])):
        for name in ("raw", "value", "coverage", "partial", "partial_value", "numerator", "denominator", "n"):
            assert same(rows[name], [getattr(node, name)[group] for node in nodes.values()]), name
    reasons = table.set_index(["team", "node"])["reason"]
    assert pd.isna(reasons["a", "csi"])
    assert reasons["b", "csi.internal"] == "coverage"
    assert reasons["b", "csi.internal.qa"] == "no_data"
    assert table.set_index(["team", "node"])["partial"]["b", "csi"]


def test_no_groups_give_a_table_without_rows():
    columns = {name: column[:0] for name, column in make_measures().items()}
    assert len(long_table(pd.DataFrame({"team": []}), [score(columns, 0, make_weights())])) == 0
