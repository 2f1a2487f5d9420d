"""The columns of the table of offers, in `inventory` and in a plan's shortlist."""

from __future__ import annotations

from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import per_gb, rate

COLUMNS = (
    tables.Column("ID", lambda o: o.key),
    tables.Column("GPU", lambda o: o.gpu),
    tables.Column("COUNT", lambda o: o.gpu_count, right=True),
    tables.Column("VRAM", lambda o: vram(o.vram_mb), right=True),
    tables.Column("$/HR", lambda o: rate(o.rate), right=True),
    tables.Column("REGION", lambda o: o.region or "-"),
    tables.Column("RELIABILITY", lambda o: f"{o.reliability:.1%}", right=True),
    tables.Column("CUDA", lambda o: f"{o.cuda:g}", right=True),
    tables.Column("PROVIDER", lambda o: o.provider, wide=True),
    tables.Column("DISK", lambda o: f"{o.disk_gb:.0f} GB", right=True, wide=True),
    tables.Column("CPU", lambda o: f"{o.cpu_cores:g}", right=True, wide=True),
    tables.Column("RAM", lambda o: vram(o.ram_mb), right=True, wide=True),
    tables.Column("UP/GB", lambda o: per_gb(o.upload_gb), right=True, wide=True),
    tables.Column("DOWN/GB", lambda o: per_gb(o.download_gb), right=True, wide=True),
    tables.Column("VERIFIED", lambda o: "yes" if o.verified else "no", wide=True),
    tables.Column("HOST", lambda o: o.host_id, wide=True),
)


def vram(megabytes: int) -> str:
    """Memory in whole GB."""
    return f"{megabytes / 1024:.0f} GB"
