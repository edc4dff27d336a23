"""Lives here: the JSON API, one file a feature: routes, statuses, problem+json, and its documentation.

May import: services and everything below it, flask, flask-smorest.
Never: SQL, pandas, a formula.
"""

from csi_service.api import calculate, health, ratings, weights

BLUEPRINTS = (calculate.blueprint, ratings.blueprint, weights.blueprint, health.blueprint)
