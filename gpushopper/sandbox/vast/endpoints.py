"""The table of endpoints: rate limit (minimum gap), permission (scope) and fault call of each (vastai.md 2, 13)."""

from __future__ import annotations

from gpushopper.sandbox.rate_limits import Gap
from gpushopper.sandbox.requests.endpoint import Endpoint

_SEARCH = Gap(6)  # documented as ten a minute
_QUICK = Gap(1)

ENDPOINTS: dict[str, Endpoint] = {
    "search_bundles": Endpoint("search", "misc", _SEARCH, public=True),
    "search_asks": Endpoint("search", "misc", _SEARCH, public=True),
    "list_templates": Endpoint("other", "user_read", Gap(3), public=True),
    "list_gpu_names": Endpoint("other", "misc", Gap(0), public=True),
    "create": Endpoint("create", "instance_write", Gap(4.5, penalty=12)),
    "list_instances": Endpoint("list", "instance_read", _QUICK),
    "list_instances_old": Endpoint("list", "instance_read", _QUICK),
    "list_facets": Endpoint("other", "instance_read", Gap(0)),
    "get_instance": Endpoint("get", "instance_read", Gap(2), own=True),
    "manage_instance": Endpoint("manage", "instance_write", _QUICK, own=True),
    "manage_many": Endpoint("manage", "instance_write", Gap(2)),
    "destroy_instance": Endpoint("destroy", "instance_write", Gap(3), own=True),
    "destroy_many": Endpoint("destroy", "instance_write", Gap(3)),
    "reboot_instance": Endpoint("manage", "instance_write", _QUICK, own=True),
    "recycle_instance": Endpoint("manage", "instance_write", _QUICK, own=True),
    "attach_ssh": Endpoint("manage", "instance_write", _QUICK),
    "list_attached_ssh": Endpoint("other", "instance_read", _QUICK),
    "detach_ssh": Endpoint("manage", "instance_write", Gap(2)),
    "request_logs": Endpoint("logs", "instance_read", _QUICK),
    "execute_command": Endpoint("other", "instance_write", Gap(1.5)),
    "fetch_result": Endpoint("log_file", "misc", Gap(0), public=True),
    "list_ssh_keys": Endpoint("other", "user_read", _QUICK),
    "create_ssh_key": Endpoint("other", "user_write", _QUICK),
    "delete_ssh_key": Endpoint("other", "user_write", _QUICK),
    "show_user": Endpoint("account", "user_read", Gap(0)),
    "list_charges": Endpoint("charges", "billing_read", _QUICK),
}
