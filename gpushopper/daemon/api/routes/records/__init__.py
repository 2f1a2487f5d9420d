"""What answers the routes of records: custody, what is about to be sent, the report of a session."""

from gpushopper.daemon.api.routes.records.custody import handlers

__all__ = ["handlers"]
