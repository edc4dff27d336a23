"""Which weights a calculation uses: sent along, named, or in effect on a day."""

from collections.abc import Mapping
from typing import Any

from csi_service.core.told import Told
from csi_service.core.weights import WeightSet, in_effect
from csi_service.errors import InvalidInputError, NotFoundError, OperatorError, Problem
from csi_service.language import message_of
from csi_service.services import Services


def choose(services: Services, body: Mapping[str, Any], warnings: list[str]) -> WeightSet:
    """Return the weights that a checked body asks for; what is worth knowing about them is added to the warnings.

    Raises:
        InvalidInputError: a name that is not there, or a period before the first set.
        OperatorError: the weights folder is gone.
    """
    asked, period = body.get("weights"), body.get("period")
    if asked is None:
        day = services.today() if period is None else period.last
        try:
            weights = in_effect(services.dated_weights(), day)
        except NotFoundError as error:
            if period is None:
                raise OperatorError(message_of(error)) from error
            raise InvalidInputError(Problem("/period", message_of(error), period.label, "no_weights")) from error
    elif isinstance(asked, WeightSet):
        weights = asked
    else:
        weights = named(services, asked)
    if period is not None and weights.effective > period.last:
        warnings.append(
            Told(
                "weights {name} are valid from {day} only, after {period}",
                name=weights.name,
                day=weights.effective,
                period=period.label,
            )
        )
    warnings.extend(weights.warnings)
    return weights


def named(services: Services, name: str) -> WeightSet:
    """Return the set of a name; a problem at /weights that lists the names where there is none."""
    names = names_of(services)
    if name not in names:
        text = Told("there is no set of this name; there are {value}", value=", ".join(names) or Told("none"))
        raise InvalidInputError(Problem("/weights", text, name, "unknown_weights"))
    return services.weights.get(name)


def names_of(services: Services) -> list[str]:
    """Return the names of all sets; OperatorError where the folder is gone."""
    try:
        return services.weights.names()
    except NotFoundError as error:
        raise OperatorError(message_of(error)) from error
