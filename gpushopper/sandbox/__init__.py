"""The sandbox: simulated GPU clouds that speak the real wire formats, with a market, a clock, faults and a ledger.

How it is started: `__main__.py`; its control surface: `control.py`. Only the HTTP of the clouds and that surface are
used from outside. Not here: how the command line starts and stops it (`cli/process/sandbox_process.py`).

**How a cloud is added.** Everything but `dialects.py` and the clouds' own folders knows no cloud. One is added by a
folder beside this file with one value of `Dialect` (`requests/dialect.py`), and one entry in `dialects.BUILT_IN`:

| field | what it is | where the kernel uses it |
|---|---|---|
| `name`, `first_account`, `first_host`, `first_instance` | the provider's name; numbers that no other cloud has |
  `market/market.py` |
| `make_supply`, `foreign` | its hosts and offers, by default those of `market/catalogue.py`; what others rent there |
  `market/market.py`, `market/actions.py` |
| `billing` | a `BillingProfile`: begin, steps, minimum, stopped and unreachable machines, disk steps, credit |
  `market/billing.py` |
| `has_contracts`, `stopped_keeps_gpus` | whether hosts end rentals; whether a stopped machine holds its GPUs |
  `market/market.py` |
| `make_id` | what the cloud calls an instance (`Instance.cloud_id`; by default its number on the market); no two
  instances of any clouds may be called the same | `Market.create_instance` |
| `credential` | the parts of a key as the key file names them | `GET /status`, and so the home's key file |
| `wire` | `endpoints` (fault call, permission, minimum gap), `read_secret`, `read_request` (what a request is about),
  `refusals` (the error replies), `bucket` (the limit of an account's calls) | `requests/middleware.py` |
| `base_path` | the part of every address that belongs to the cloud's endpoint | `GET /status` |
| `without` | fault words that have no meaning there | `POST /faults` |
| `register` | adds the routes; an instance in an address is called `<instance_id>` | `requests/app.py` |
| `environment` | the variables of a live instance's processes | `live/container_spec.py` |
| `kinds` | `container` or `vm`; a create puts it into `InstanceSpec.kind`, a foreign instance is of the first |
  `Market.create_instance`, `live/container_spec.py` |

A handler calls what changes or reads the market, and words the reply: `creates.rent` (faults, effect, record),
`ledger_records.begin_destroy` and `destroys.destroy_on_market`, `reads.launch_foreign_instances`, `listed_instances`,
`shown_phase` and `reported_credit`, `market/actions.py` for start, stop and label. Faults that change only bodies
(`commit_then_no_id`, `page_cut`, `status_word` ...) are the dialect's: it asks `ctx.trigger(WORD)`. A cloud that sells
types counts its hosts' free GPUs (`Market.occupancy`, `has_capacity`).
"""
