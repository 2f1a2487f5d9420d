from gpushopper.scripting import Client as Client
from gpushopper.scripting import Finished as Finished
from gpushopper.scripting import Session as Session

__version__: str
