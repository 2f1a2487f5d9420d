"""The known fields of Vast's offer and instance rows; any other is counted as unknown (vastai.md 3.2, 5.3)."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BOTH = _words(
    """
    id machine_id host_id hostname bundle_id gpu_name num_gpus gpu_ram gpu_frac gpu_arch gpu_lanes gpu_mem_bw
    compute_cap cuda_max_good driver_version total_flops dlperf dlperf_per_dphtotal flops_per_dphtotal score bw_nvlink
    vram_costperhour cpu_name cpu_arch cpu_cores cpu_cores_effective cpu_ram disk_space disk_bw disk_name
    inet_up inet_down inet_up_cost inet_down_cost internet_up_cost_per_tb internet_down_cost_per_tb
    direct_port_count static_ip public_ipaddr geolocation geolocode reliability reliability2 verification verified
    hosting_type storage_cost storage_total_cost credit_discount_max mobo_name pci_gen pcie_bw os_version external
    logo webpage time_remaining time_remaining_isbid dph_base dph_total min_bid is_bid rentable rented start_date
    end_date duration search instance
    """
)
OFFER_FIELDS = _BOTH | _words(
    """
    ask_contract_id gpu_total_ram gpu_max_power gpu_max_temp gpu_display_active driver_vers cpu_ghz has_avx
    dph_total_adj discount_rate discounted_hourly discounted_dph_total expected_reliability reliability_mult vericode
    vms_enabled is_vm_deverified resource_type cluster_id bundled_results rn avail_vol_ask_id avail_vol_dph
    avail_vol_size nw_disk_min_bw nw_disk_max_bw nw_disk_avg_bw datacenter
    """
)
INSTANCE_FIELDS = _BOTH | _words(
    """
    label template_id template_name template_hash_id actual_status intended_status cur_state next_state status_msg
    image_uuid image_runtype image_args extra_env onstart jupyter_token ssh_host ssh_port ssh_idx local_ipaddrs ports
    direct_port_start direct_port_end machine_dir_ssh_port uptime_mins gpu_totalram gpu_util gpu_temp cpu_util
    mem_limit mem_usage vmem_usage disk_usage disk_util country_code credit_balance credit_discount volume_info
    client_run_time host_run_time
    """
)
