"""Rent GPUs from several marketplaces safely: `from gpushopper import Client`."""

__version__ = "0.2.0"
__all__ = ["Client", "Finished", "Session", "__version__"]  # noqa: F822: typed in __init__.pyi, imported below


def __getattr__(name: str) -> object:
    """What is for Python programs is imported when it is first asked for: commands start without it (PEP 562).

    By name: everything imports this module for its version, and must not depend on scripting for that.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("gpushopper.scripting"), name)
