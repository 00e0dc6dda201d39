"""The congestion controls by name."""

from tests.engines.sim.reference.cubic import Cubic
from tests.engines.sim.reference.reno import Dctcp, Reno
from tests.engines.sim.reference.vegas import NewVegas, Vegas

CONTROLS = {"reno": Reno, "cubic": Cubic, "vegas": Vegas, "nv": NewVegas, "dctcp": Dctcp}
