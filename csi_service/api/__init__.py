"""Lives here: the JSON API, one file a feature: routes, statuses, problem+json, and its documentation.

May import: services and everything below it, flask, flask-smorest.
Never: SQL, pandas, a formula.
"""

from csi_service.api import (
    appeals,
    audit,
    batches,
    calculate,
    calibration,
    evaluations,
    form_statistics,
    forms,
    health,
    imports,
    kept_scores,
    keys,
    metrics,
    rating_shares,
    ratings,
    records,
    reports,
    weights,
)

BLUEPRINTS = (
    calculate.blueprint,
    ratings.blueprint,
    weights.blueprint,
    kept_scores.blueprint,
    records.blueprint,
    batches.blueprint,
    appeals.blueprint,
    calibration.blueprint,
    evaluations.blueprint,
    rating_shares.blueprint,
    forms.blueprint,
    form_statistics.blueprint,
    reports.blueprint,
    imports.blueprint,
    keys.blueprint,
    audit.blueprint,
    metrics.blueprint,
    health.blueprint,
)
