"""The routes of records: custody, what is about to be sent, the report of a session."""

from gpushopper.daemon.api.routes.records.custody import blueprint

__all__ = ["blueprint"]
