"""The congestion controls by name."""

from tests.sim.reference.cubic import Cubic
from tests.sim.reference.reno import Dctcp, Reno
from tests.sim.reference.vegas import NewVegas, Vegas

CONTROLS = {"reno": Reno, "cubic": Cubic, "vegas": Vegas, "nv": NewVegas, "dctcp": Dctcp}
