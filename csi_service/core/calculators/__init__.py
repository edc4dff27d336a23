"""Lives here: one file a component index, formulas only, and the list of them.

May import: the rest of core.
Never: another calculator.
"""

from csi_service.core.calculators import complaint, external, internal
from csi_service.core.indicator import Calculator

CALCULATORS: tuple[Calculator, ...] = (internal.CALCULATOR, external.CALCULATOR, complaint.CALCULATOR)
