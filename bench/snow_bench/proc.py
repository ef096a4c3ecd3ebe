"""What the kernel knows of processes: their CPU and memory, and how busy others were."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
# The fields of /proc/stat's first line that count time in which a CPU worked.
USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL = 0, 1, 2, 5, 6, 7


def tree(root: int) -> list[int]:
    """Returns a process and all its descendants."""
    pids = [root]
    for pid in pids:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                pids += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return pids


def cpu_seconds(root: int) -> float:
    """Returns the CPU time of a process tree, with system calls and threads that have ended.

    This is what /proc/PID/stat shows as utime + stime, but from the clock behind it: in nanoseconds,
    not in ticks.
    """
    return sum(own_cpu_seconds(pid) for pid in tree(root))


def own_cpu_seconds(pid: int) -> float:
    """Returns the CPU time of one process, as `cpu_seconds` does."""
    return time.clock_gettime(~pid << 3 | 2)


def ended_children_seconds(pid: int) -> float:
    """Returns the CPU time of a process's children that have ended.

    This is cutime + cstime of /proc/PID/stat, which counts ticks.
    """
    # The second field is a name in brackets, which may contain spaces and brackets too.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * TICK


def memory_bytes(root: int) -> int:
    """Returns the user memory of a process tree: its proportional set size without file pages.

    It counts a page that several processes share once in all. File pages are left out because one
    process's share of a library changes whenever another process starts.
    """
    return sum(pss_bytes(pid) for pid in tree(root))


def pss_bytes(pid: int) -> int:
    """Returns the user memory of one process."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, size = line.partition(":")
        sizes[name] = int(size.split()[0]) * 1024
    return sizes["Pss"] - sizes["Pss_File"]


def forget(files: list[Path]) -> None:
    """Drops files and folders from the page cache, unless a process has them mapped."""
    for file in files:
        for path in file.rglob("*") if file.is_dir() else [file]:
            if path.is_file():
                drop_pages(path)


def drop_pages(path: Path) -> None:
    """Drops one file from the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


class Others:
    """Measures how many CPUs are busy for other processes than a server and its clients.

    Used around some work. `share` includes time that a hypervisor took away; 0.1 is a tenth of one
    CPU.
    """

    def __init__(self, server: int | None) -> None:
        # None: every server is started and ended within the work.
        self.server = server
        self.share = 0.0

    def __enter__(self) -> Others:
        self.begun, self.busy, self.ours = time.monotonic(), busy_seconds(), self.ours_now()
        return self

    def __exit__(self, *_: object) -> None:
        wall = time.monotonic() - self.begun
        busy, ours = busy_seconds() - self.busy, self.ours_now() - self.ours
        self.share = max(0.0, (busy - ours) / wall)

    def ours_now(self) -> float:
        """Returns the CPU seconds of this program, its ended clients, and the server's tree."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(each.ru_utime + each.ru_stime for each in used)
        return own if self.server is None else own + cpu_seconds(self.server) + ended_children_seconds(self.server)


def busy_seconds() -> float:
    """Returns the time for which all CPUs together have worked."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(ticks[field] for field in (USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL)) * TICK
