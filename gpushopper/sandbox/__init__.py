"""The sandbox: simulated GPU clouds that speak the real wire formats, with a market, a clock, faults and a ledger.

Start: `python -m gpushopper.sandbox --home HOME [--paper|--live] [--seed N] [--boot-seconds X]
[--rate-gaps on|off] [--port P]` prints one line on stdout when all dialects answer: `{"ready": true, ...}` followed
by the fields of `GET /status`; a start that fails says why on stderr and exits 1, or 6 when live instances cannot be
contained on this computer (see `gpushopper.sandbox.live`). `python -m gpushopper.sandbox ledger --home
HOME` prints the ledger, also while no server runs. SIGTERM, SIGINT or `POST /stop` end it gracefully; the
market goes on from its file at the next start, and time passed meanwhile has passed on the market too.

The control surface is HTTP with JSON bodies on the Unix socket `<HOME>/market/control.sock` (0600 in a 0700
folder). It is stable and only gains fields. Every reply has `"schema": 1`. A refused request answers 400 with
`{"schema": 1, "error": {"code": "refused", "message": TEXT}}`; unknown fields are refused.

| request | body | reply, beside `schema` |
|---|---|---|
| GET /status | | `{"home": PATH, "pid": N, "now": TIME, "clock_offset_us": N, "seed": N,
  "instances_are": "paper"|"live", "live": [LIVE, ...], "rate_gaps": "on"|"off", "registry": {"host", "user", "token",
  "image": a private image there}, "dialects": {"vast": {"url": "http://127.0.0.1:P",
  "keys": {"api_key": KEY, "other_account_api_key": KEY}}}}` |
| POST /faults | `{"provider": "vast", "call": CALL, "word": WORD, "arg"?: TEXT, "count"?: N, "for"?: "10m",
  "instance"?: ID or label or "one" or "all" or "prefix*", "after"?: N, "chance"?: PERCENT}` |
  `{"fault": FAULT}` |
| GET /faults | | `{"faults": [FAULT, ...]}` |
| DELETE /faults, DELETE /faults/ID | | `{"cleared": N}` |
| GET /ledger | | the ledger, see `gpushopper.sandbox.market.ground_truth` |
| POST /launch | `{"provider": "vast", "label"?: TEXT}` | `{"id": ID, "provider": "vast", "label": TEXT|null}` |
| POST /advance | `{"by": "8h"}`; refused while live instances exist | `{"clock_offset_us": N, "now": TIME}` |
| POST /revise | `{"instance": ID, "action": ACTION, "value"?: V}` | `{"id": ID, "state": STATE}` |
| POST /pacing | `{"enabled"?: BOOL, "form"?: FORM, "retry_after"?: SECONDS|null}` | `{"enabled", "form"}` |
| POST /credit | `{"provider": "vast", "usd": 12.5}` sets what the first account has left | `{"account", "usd"}` |
| POST /keys | `{"secret": KEY, "provider"?: "vast", "scopes"?: [..], "revoked"?: BOOL}` adds or revokes |
  `{"account": ID, "revoked": BOOL}` |
| POST /stop | | `{"stopping": true}` |

FAULT = `{"id", "provider", "call", "word", "arg", "count", "until", "instance", "chance", "after", "acted",
"active", "line"}`; `acted` is how often it acted, `line` the words to add it again. CALL and WORD are in
`gpushopper.sandbox.faults.fault_types`; the call `host` is for live instances. ACTION =
`destroy host_destroy stop outbid start offline_host(value: how long) online_host reboot_host
contract_end(value: in how long) price_factor(value: 1.4)
gpu_load(value: percent) gpu_claim(value: "count=1,name=NVIDIA ...,disk=12"; none: the truth)`. LIVE = `{"id", "ssh":
{"host", "port", "user"}, "disk": PATH, "log": PATH, "supervisor": PID, "pid": PID 1 as seen from here or null,
"ready": whether ssh was opened}`: an instance that has processes now. FORM = `message plain detail
success_false search_quota`. Durations are `10m`, `90s`, `2h`, `1h30m` or seconds; times RFC 3339 in UTC.
"""
