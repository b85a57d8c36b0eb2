"""Run a command without a network: `python offline.py COMMAND ...`. Loopback still works; Jupyter needs it.

On Linux the command gets a network namespace of its own, which holds nothing but loopback: as root, or as any user
where the system lets users make namespaces. Elsewhere each Python it starts refuses to connect anywhere else
(guard/sitecustomize.py). EVLAB_OFFLINE says which of the two it was: "namespace" or "guard".
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import socket
import struct
import sys

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET in <sched.h>
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP in <net/if.h>


def leave_the_network() -> bool:
    """Move this process into an empty network with loopback up. False where the system does not allow it."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_NETWORK):
        if libc.unshare(NEW_USER | NEW_NETWORK):
            return False
        for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            pathlib.Path("/proc/self", file).write_text(line)
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    return True


def main() -> None:
    how = "guard"
    try:
        if os.environ.get("EVLAB_OFFLINE") != "guard" and leave_the_network():
            how = "namespace"
    except OSError as error:
        sys.exit(f"offline.py: left the network half way: {error}")
    if how == "guard":
        guard = str(pathlib.Path(__file__).parent / "guard")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [guard, os.environ.get("PYTHONPATH")]))
    os.environ["EVLAB_OFFLINE"] = how
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
