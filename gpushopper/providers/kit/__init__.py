"""What adapters share: typed rows, unknown fields, ids, the check of an address, the mechanics of an error reply.

It belongs here if two clouds would write it alike. Not here: any cloud's paths, field names, status words or error
words (that cloud's folder), HTTP (`providers/api/`), and what an answer means for an attempt (`core/`).
"""

from gpushopper.providers.kit.endpoint import check_endpoint
from gpushopper.providers.kit.field_types import Flag, Line, Number, Price, Row, Text, Time, id_field, one_line
from gpushopper.providers.kit.ids import number_id
from gpushopper.providers.kit.refusals import json_object, unanswered_create, unanswered_destroy
from gpushopper.providers.kit.unknown_fields import UnknownFields

__all__ = [
    "Flag",
    "Line",
    "Number",
    "Price",
    "Row",
    "Text",
    "Time",
    "UnknownFields",
    "check_endpoint",
    "id_field",
    "json_object",
    "number_id",
    "one_line",
    "unanswered_create",
    "unanswered_destroy",
]  # fmt: skip
