"""What the kernel says of processes: the CPU they used, the memory they hold, and who else was busy."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
# Fields of /proc/stat's first line in which a CPU is at work for somebody.
USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL = 0, 1, 2, 5, 6, 7


def tree(root: int) -> list[int]:
    """A process and all below it."""
    pids = [root]
    for pid in pids:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                pids += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return pids


def cpu_seconds(root: int) -> float:
    """The CPU time of a process tree, system calls included, of threads that have ended too.

    It is what /proc/PID/stat shows as utime + stime, from the clock behind it: in nanoseconds, not in ticks.
    """
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in tree(root))


def ended_children_seconds(pid: int) -> float:
    """The CPU time of a process's children that have ended: /proc/PID/stat's cutime + cstime, in ticks."""
    # The second field is a name in brackets, which may contain anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * TICK


def memory_bytes(root: int) -> int:
    """The user memory of a process tree: its proportional set size, without the pages of files.

    In it a page that several processes share counts once in all. How much of a library's pages falls to one process
    changes when another one starts, so they are left out.
    """
    return sum(pss_bytes(pid) for pid in tree(root))


def pss_bytes(pid: int) -> int:
    """Of one process."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, size = line.partition(":")
        sizes[name] = int(size.split()[0]) * 1024
    return sizes["Pss"] - sizes["Pss_File"]


def forget(files: list[Path]) -> None:
    """Drops files and folders from the page cache, as far as no process has them mapped."""
    for file in files:
        for path in file.rglob("*") if file.is_dir() else [file]:
            if path.is_file():
                drop_pages(path)


def drop_pages(path: Path) -> None:
    """Of one file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


class Others:
    """Around some work: how many CPUs were meanwhile busy for others than a server and its clients.

    Time that a hypervisor took away counts with it. A share of 0.1 is a tenth of one CPU.
    """

    def __init__(self, server: int | None) -> None:
        # None: all servers are started and ended inside.
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
        """CPU seconds of this program, of its clients that have ended, and of the server and those it has started."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(each.ru_utime + each.ru_stime for each in used)
        return own if self.server is None else own + cpu_seconds(self.server) + ended_children_seconds(self.server)


def busy_seconds() -> float:
    """The time in which any CPU worked, for whomever."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(ticks[field] for field in (USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL)) * TICK
