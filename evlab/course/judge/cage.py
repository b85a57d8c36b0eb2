"""The cage around an answer: what the system offers to keep a program from doing harm, and what of it was held.

An answer may be wrong, careless or hostile. It must not reach the judge's memory, the course's files, the network or
other processes, and nothing of it may outlive its question. The verdict itself does not hang on this file: it is
computed in the judge from what the judge saw. The cage is against harm, and against peeping.

On Linux, in this order:
1. Landlock (kernel 5.13 and later): no file can be opened but Python's own library, for reading;
2. resource limits: CPU seconds, memory, no byte into a file, no further process, few descriptors, no core file;
3. another user, where the judge runs as root, without any of root's rights but to read what Landlock leaves open;
4. seccomp: only the system calls that computing needs. No socket, no fork, no exec, no signal to anybody, no sleep,
   no file opened for writing.
Each is tried, and what holds is reported by name. Without Landlock or seccomp: "limits only, not a sandbox".

What stays open: an answer can ask whether a file exists and how large it is, it sees its process's number and the real
clock, and it can keep the core busy until its budget is spent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import struct
import sys
import sysconfig
from functools import cache

try:
    import resource
except ImportError:  # Windows
    resource = None

__all__ = ["HELD_WORDS", "address_space", "change_user", "filter_calls", "filter_code", "limit", "lock_files",
           "stay_private"]

HELD_WORDS = {"limits": "limits on CPU and output", "memory": "a limit on memory",
              "files": "no files but Python's own library", "user": "a user of its own",
              "calls": "no network, no processes, no signals"}
"""What each part of the cage keeps, for a report."""

NOBODY = 65534
_NO_NEW_PRIVILEGES, _PARENT_DEATH, _SECCOMP, _DUMPABLE, _KEEP_CAPABILITIES = 38, 1, 22, 4, 8
_READ_SEARCH = 2
"""The capability to read a file, and to search a folder, whatever its mode says: CAP_DAC_READ_SEARCH."""
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_WRITES = 0x1 | 0x2 | 0x40 | 0x200
"""Flags of open that ask for more than reading: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC (the same on both machines)."""

_ALLOWED = {
    "x86_64": (0xC000003E, (
        0, 1, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 24, 25, 28, 39, 60, 63, 79, 89, 97, 98, 99, 100,
        102, 104, 107, 108, 110, 111, 131, 158, 186, 201, 202, 204, 217, 219, 228, 229, 231, 262, 267, 269, 273, 318,
        332, 334, 439), {2: 24, 257: 32}),
    "aarch64": (0xC00000B7, (
        17, 48, 57, 61, 62, 63, 64, 65, 66, 67, 78, 79, 80, 93, 94, 98, 99, 113, 114, 123, 124, 128, 132, 134, 135,
        139, 153, 160, 163, 165, 172, 173, 174, 175, 176, 177, 178, 179, 214, 215, 216, 222, 226, 233, 278, 291, 293,
        439), {56: 32}),
}
"""By machine: the audit number of its architecture (linux/audit.h); the numbers of the system calls that an answer may
make: read and write what is open, memory, time, looking at files, ending; and those that open a file, with the place of
their flags in the filter's data. From the kernel's tables (syscall_64.tbl, asm-generic/unistd.h). No sleep: an answer
that needs one has misunderstood the course."""
_FCNTL = {"x86_64": 72, "aarch64": 25}
"""Of fcntl only its commands 0 to 3 and 1030, which copy and describe a descriptor; F_SETOWN could send signals."""


def limit(cpu_seconds: int, memory: int, used: int) -> list[str]:
    """Set this process's limits: `cpu_seconds` in all, `memory` bytes beyond the `used` ones. Returns what holds."""
    if resource is None:
        return []
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit is an error, not an end
    limits = {"RLIMIT_CPU": cpu_seconds, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 16, "RLIMIT_NPROC": 0}
    if used:
        limits["RLIMIT_AS"] = used + memory
    held = set()
    for name, value in limits.items():
        try:
            which = getattr(resource, name)
            allowed = resource.getrlimit(which)[1]
            value = value if allowed == resource.RLIM_INFINITY else min(value, allowed)
            resource.setrlimit(which, (value, value))
            held.add(name)
        except (ValueError, OSError, AttributeError):
            continue
    return (["limits"] if {"RLIMIT_CPU", "RLIMIT_FSIZE"} <= held else []) + (["memory"] if "RLIMIT_AS" in held else [])


def stay_private() -> None:
    """This process ends with the one that made it, and nobody may look into its memory."""
    if sys.platform == "linux":
        libc = _libc()
        libc.prctl(_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_DUMPABLE, 0, 0, 0, 0)


def lock_files() -> list[str]:
    """From now on this process and its children open no file but Python's library, and that only to read it."""
    if sys.platform != "linux":
        return []
    libc = _libc()
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return []
    rights = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1
    network = 3 if abi >= 4 else 0  # bind and connect of TCP
    scope = 3 if abi >= 6 else 0  # abstract sockets, and signals to processes outside
    attributes = struct.pack("QQQ", rights, network, scope)[:24 if abi >= 6 else 16 if abi >= 4 else 8]
    rules = libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if rules < 0:
        return []
    try:
        for path, allowed in _library():
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                libc.syscall(_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", allowed, opened), 0)
            finally:
                os.close(opened)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return ["files"] if libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0 else []
    finally:
        os.close(rules)


def change_user(read_all: bool) -> list[str]:
    """Where the judge is root, its answers are nobody.

    read_all: a file's mode does not keep this nobody from reading it. Python's own library may lie in root's folder,
    and Landlock has shut everything else; so ask for it only where Landlock holds.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return []
    libc = _libc()
    try:
        libc.prctl(_KEEP_CAPABILITIES, 1 if read_all else 0, 0, 0, 0)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        return []
    if read_all and not (_keep_only(1 << _READ_SEARCH) or _keep_only(0)):
        os._exit(1)  # all of root's rights are still there
    return ["user"]


def _keep_only(capabilities: int) -> bool:
    """Give up all of root's rights but these (linux/capability.h: header of version 3, then two sets of three)."""
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    sets = ctypes.create_string_buffer(struct.pack("6I", capabilities, capabilities, 0, 0, 0, 0))
    return _libc().capset(header, sets) == 0


def filter_calls() -> list[str]:
    """The last door: from now on only the harmless system calls. Whatever else is tried fails with EPERM."""
    found = filter_code()
    if found is None:
        return []
    filter, _ = found
    libc = _libc()
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return ["calls"] if libc.prctl(_SECCOMP, 2, ctypes.addressof(filter), 0, 0) == 0 else []


@cache
def filter_code() -> tuple | None:
    """The filter as the kernel reads it, and the program that it points to; None where there is none. Made once, in
    the template: each actor would need a millisecond for it."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ALLOWED or struct.calcsize("P") != 8:
        return None
    lines = _filter(machine)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    return ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(code))), code


def _filter(machine: str) -> list[tuple[int, int, int, int]]:
    """The program of the filter, in classic BPF: (operation, lines to skip if true, if false, operand)."""
    load, equal, any_bit, end_with = 0x20, 0x15, 0x45, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # refuse: EPERM; kill: the process
    architecture, allowed, opening = _ALLOWED[machine]
    lines = [(load, 0, 0, 4), (equal, 1, 0, architecture), (end_with, 0, 0, kill), (load, 0, 0, 0)]
    for number, flags in opening.items():
        lines += [(equal, 0, 4, number), (load, 0, 0, flags), (any_bit, 0, 1, _WRITES), (end_with, 0, 0, refuse),
                  (end_with, 0, 0, allow)]
    commands = (0, 1, 2, 3, 1030)
    lines += [(equal, 0, len(commands) + 3, _FCNTL[machine]), (load, 0, 0, 24)]
    lines += [(equal, len(commands) - place, 0, command) for place, command in enumerate(commands)]
    lines += [(end_with, 0, 0, refuse), (end_with, 0, 0, allow)]
    lines += [(equal, len(allowed) - place, 0, number) for place, number in enumerate(allowed)]
    return [*lines, (end_with, 0, 0, refuse), (end_with, 0, 0, allow)]


def _library() -> list[tuple[str, int]]:
    """Where Python's own library and what it links to lie, and what may be done there. Folders of installed packages
    are left out: evlab itself may be one of them."""
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "/usr/share/zoneinfo", "/lib", "/lib64",
               "/usr/lib", "/usr/lib64", os.path.join(sys.base_prefix, "lib")}
    found, todo = [], sorted({os.path.realpath(folder) for folder in folders if folder})
    while todo:
        folder = todo.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            found.append((folder, _READ_FOLDER))
            for entry in entries:
                if entry.is_dir() and entry.name.startswith("python"):
                    todo.append(entry.path)
                elif entry.is_dir(follow_symlinks=False) and entry.name not in ("site-packages", "dist-packages"):
                    found.append((entry.path, _EXECUTE | _READ_FILE | _READ_FOLDER))
                elif entry.is_file():
                    found.append((entry.path, _EXECUTE | _READ_FILE))
    return found


def address_space() -> int:
    """Bytes of address space that this process has now; 0 if nobody says."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


@cache
def _libc():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    return libc
