"""Record metrics of the machine this runs on, one row per interval, as a CSV file for examples.

    pip install psutil
    python scripts/record_host_metrics.py --rows 1440 --interval-seconds 5 --out examples/host_metrics.csv
    python scripts/record_host_metrics.py --rows 17280 --out - | toto watch

Every row holds the mean rate since the row before it (counters; 0 where one was reset) or the
value at that moment (gauges). Rows are written as they are taken, so an interrupted recording
keeps what it has.
Columns and units:

    time                 UTC, on the grid of the interval
    cpu_percent          busy share of all cores
    cpu_system_percent   share of all cores spent in the kernel
    load_1m              runnable tasks, one-minute average
    memory_percent       memory in use
    cached_gib           page cache, GiB (0 where the system does not tell)
    processes            number of processes
    context_switches_k   thousand context switches per second
    interrupts_k         thousand interrupts per second
    disk_read_mib        MiB read per second, all disks
    disk_write_mib       MiB written per second, all disks
    network_in_kib       KiB received per second, all interfaces
    network_out_kib      KiB sent per second, all interfaces
"""

import argparse
import csv
import sys
import time
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path

import psutil


def counters() -> dict[str, float]:
    """Totals since boot, in the units that become the columns once divided by seconds."""
    cpu, switches, network = psutil.cpu_times(), psutil.cpu_stats(), psutil.net_io_counters()
    disk = psutil.disk_io_counters()
    busy = sum(cpu) - cpu.idle - getattr(cpu, "iowait", 0.0) - getattr(cpu, "guest", 0.0)
    return {
        "cpu_percent": 100 * busy / psutil.cpu_count(),
        "cpu_system_percent": 100 * cpu.system / psutil.cpu_count(),
        "context_switches_k": switches.ctx_switches / 1e3,
        "interrupts_k": switches.interrupts / 1e3,
        "disk_read_mib": (disk.read_bytes if disk else 0) / 2**20,
        "disk_write_mib": (disk.write_bytes if disk else 0) / 2**20,
        "network_in_kib": (network.bytes_recv if network else 0) / 2**10,
        "network_out_kib": (network.bytes_sent if network else 0) / 2**10,
    }


def gauges() -> dict[str, float]:
    """Values at this moment."""
    memory = psutil.virtual_memory()
    return {
        "load_1m": psutil.getloadavg()[0],
        "memory_percent": memory.percent,
        "cached_gib": getattr(memory, "cached", 0) / 2**30,
        "processes": len(psutil.pids()),
    }


COLUMNS = [
    "cpu_percent",
    "cpu_system_percent",
    "load_1m",
    "memory_percent",
    "cached_gib",
    "processes",
    "context_switches_k",
    "interrupts_k",
    "disk_read_mib",
    "disk_write_mib",
    "network_in_kib",
    "network_out_kib",
]


def record(out: Path, rows: int, interval_seconds: float) -> None:
    """Write `rows` rows to `out` (-: standard output), each at a multiple of the interval."""
    with nullcontext(sys.stdout) if str(out) == "-" else out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *COLUMNS])
        file.flush()
        tick = int(time.time() // interval_seconds) + 1
        time.sleep(tick * interval_seconds - time.time())
        before, before_time = counters(), time.monotonic()
        for _ in range(rows):
            tick += 1
            time.sleep(max(0.0, tick * interval_seconds - time.time()))
            now, now_time = counters(), time.monotonic()
            rates = {name: (now[name] - before[name]) / (now_time - before_time) for name in now}
            values = {**rates, **gauges()}
            stamp = datetime.fromtimestamp(tick * interval_seconds, timezone.utc)
            writer.writerow(
                [stamp.strftime("%Y-%m-%d %H:%M:%S"), *(f"{max(0.0, values[c]):.4g}" for c in COLUMNS)]
            )
            file.flush()
            before, before_time = now, now_time


def main() -> None:
    """Read the command line and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1440, help="rows to record (default: 1440)")
    parser.add_argument(
        "--interval-seconds", type=float, default=5.0, help="seconds between rows (default: 5)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("host_metrics.csv"), help="file to write; -: standard output"
    )
    arguments = parser.parse_args()
    record(arguments.out, arguments.rows, arguments.interval_seconds)


if __name__ == "__main__":
    main()
