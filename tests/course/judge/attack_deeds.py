"""Deeds that the cage has to refuse, by family. An answer does the deed and prints DONE after it, or REFUSED if
an error came instead.
"""

from __future__ import annotations

import platform
import textwrap

REFUSED: dict[str, str] = {}
"""By family and name: what to do inside deliver_all. CANARY is a file, FOLDER the one that holds it, COURSE the
course's folder, JUDGE a process, PORT one where somebody listens."""
OTHERWISE = {"write: a temporary file": "FileNotFoundError", "process: a thread": "RuntimeError",
             "net: a name": "gaierror", "system: more CPU": "ValueError", "system: a timer": "itimer_error"}
"""The errors that are no PermissionError, for those deeds that Python itself looks at first."""


def deed(code: str, **places) -> str:
    """An answer that does it, says how it went, and hands in nothing."""
    for place, value in places.items():
        code = code.replace(place, repr(value))
    return PREFACE + textwrap.indent(textwrap.dedent(code).strip(), "        ") + AFTERWORD


PREFACE = '''# answer: lab01.q1
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)

def system(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def deliver_all(event, subscribers):
    try:
'''
AFTERWORD = '''
        print("DONE")
    except Exception as error:
        print("REFUSED", type(error).__name__, error)
    return []
'''

# ------------------------------------------------------------------------------------- reading what is not its own

REFUSED |= {
    "read: a file": "print(open(CANARY).read())",
    "read: a file, by descriptor": "print(os.read(os.open(CANARY, os.O_RDONLY), 99))",
    "read: a file, by libc": """
        file = libc.open(CANARY.encode(), 0)
        if file < 0: raise OSError(ctypes.get_errno(), "open")
        print(os.read(file, 99))""",
    "read: a file, by openat2": """
        how = (ctypes.c_uint64 * 3)(0, 0, 0)
        name = ctypes.create_string_buffer(CANARY.encode())
        print(os.read(system(437, -100, ctypes.addressof(name), ctypes.addressof(how), 24), 99))""",
    "read: as source": """
        import importlib.machinery
        print(importlib.machinery.SourceFileLoader("canary", CANARY).get_data(CANARY))""",
    "read: a folder": "print(os.listdir(FOLDER))",
    "read: the checks of the lab": "print(open(COURSE + '/labs/authoring/lab01/checks.py').read()[:200])",
    "read: the judge's source": "print(open(COURSE + '/evlab/course/judge/verdict.py').read()[:200])",
    "read: who is on this machine": "print(open('/etc/passwd').read())",
    "read: the judge's memory": "print(open(f'/proc/{os.getppid()}/mem', 'rb').read(1))",
    "read: the judge's descriptors": "print(os.listdir('/proc/%d/fd' % JUDGE))",
    "read: its own map of memory": "print(open('/proc/self/maps').read())",
    "read: memory of the judge by process_vm_readv": """
        local, remote = (ctypes.c_uint64 * 2)(), (ctypes.c_uint64 * 2)()
        system(310, JUDGE, ctypes.addressof(local), 1, ctypes.addressof(remote), 1, 0)""",
    "read: memory of the template by ptrace": "system(101, 16, os.getppid(), 0, 0)",
    "read: the bus that it is asked to build": """
        sys.meta_path[:] = [finder for finder in sys.meta_path if "OnlyTheEvent" not in type(finder).__name__]
        import evlab.bus""",
    "read: the judge's modules": """
        sys.meta_path[:] = [finder for finder in sys.meta_path if "OnlyTheEvent" not in type(finder).__name__]
        import evlab.course.judge.verdict""",
}

# ---------------------------------------------------------------------------------------- writing and destroying

REFUSED |= {
    "write: a new file": "open(FOLDER + '/new', 'w').close()",
    "write: over a file": "open(CANARY, 'r+').write('x')",
    "write: empty a file": "os.close(os.open(CANARY, os.O_WRONLY | os.O_TRUNC))",
    "write: append": "open(CANARY, 'a').write('x')",
    "write: a new file by creat": """
        system(85, ctypes.addressof(ctypes.create_string_buffer(FOLDER.encode() + b'/new')), 511)""",
    "write: truncate": "os.truncate(CANARY, 0)",
    "write: delete": "os.remove(CANARY)",
    "write: delete a tree": "import shutil; shutil.rmtree(FOLDER)",
    "write: rename": "os.rename(CANARY, FOLDER + '/other')",
    "write: a link": "os.symlink('/etc/passwd', FOLDER + '/link')",
    "write: a hard link": "os.link(CANARY, FOLDER + '/link')",
    "write: a folder": "os.mkdir(FOLDER + '/made')",
    "write: rights": "os.chmod(CANARY, 0)",
    "write: times": "os.utime(CANARY, (0, 0))",
    "write: a pipe with a name": "os.mkfifo(FOLDER + '/pipe')",
    "write: a temporary file": "import tempfile; tempfile.NamedTemporaryFile()",
    "write: shared memory": """
        if libc.shm_open(b'/evlab', os.O_CREAT | os.O_RDWR, 511) < 0: raise OSError(ctypes.get_errno(), "shm_open")""",
    "write: a file in memory": "os.memfd_create('x')",
    "write: the working folder": "os.chdir('/')",
}

# --------------------------------------------------------------------------------------------- others, and the net

REFUSED |= {
    "kill: its parent": "os.kill(os.getppid(), 9)",
    "kill: the judge": "os.kill(JUDGE, 9)",
    "kill: its group": "os.killpg(os.getpgrp(), 9)",
    "kill: everybody": "os.kill(-1, 9)",
    "kill: by pidfd": "system(424, system(434, JUDGE, 0), 9, 0, 0)",
    "kill: by tgkill": "system(234, JUDGE, JUDGE, 9)",
    "kill: by rt_sigqueueinfo": "system(129, JUDGE, 9, ctypes.addressof(ctypes.create_string_buffer(128)))",
    "kill: by the owner of a pipe": "import fcntl; fcntl.fcntl(3, 8, JUDGE)",
    "kill: the judge's limits": "import resource; resource.prlimit(JUDGE, resource.RLIMIT_CPU, (1, 1))",
    "kill: the judge's turn on the core": "os.sched_setaffinity(JUDGE, {0})",
    "process: fork": "os.fork() or os._exit(0)",
    "process: vfork": "system(58)",
    "process: clone": "system(56, 17, 0, 0, 0, 0)",
    "process: clone3": """
        arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
        system(435, ctypes.addressof(arguments), 88) or os._exit(0)""",
    "process: a shell": "import subprocess; subprocess.run(['/bin/sh', '-c', 'true'])",
    "process: posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "process: exec": "os.execv('/bin/true', ['true'])",
    "process: a thread": "import threading; threading.Thread(target=print).start()",
    "net: a socket": "import socket; socket.create_connection(('127.0.0.1', PORT), 1)",
    "net: a server": "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "net: a name": "import socket; print(socket.gethostbyname('localhost.example'))",
    "net: a socket of Unix": "import socket; socket.socket(socket.AF_UNIX).connect('\\0evlab')",
    "net: a pair of sockets": "import socket; socket.socketpair()",
    "system: more CPU": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (9999, 9999))",
    "system: root again": "os.setuid(0)",
    "system: a session": "os.setpgid(0, 0)",
    "system: unshare": "system(272, 0x10000000)",
    "system: chroot": "os.chroot('/tmp')",
    "system: mount": "system(165, 0, 0, 0, 0, 0)",
    "system: io_uring": "system(425, 8, ctypes.addressof(ctypes.create_string_buffer(120)))",
    "system: userfaultfd": "system(323, 0)",
    "system: bpf": "system(321, 0, 0, 0)",
    "system: keys": "system(250, 0, -3, 1, 0, 0)",
    "system: another filter": "system(317, 0, 0, 0)",
    "system: more to see by Landlock": "system(444, 0, 0, 1)",
    "system: dumpable": "system(157, 4, 1, 0, 0, 0)",
    "system: perf": "system(298, 0, 0, -1, -1, 0)",
    "system: sleep": "if libc.usleep(10_000) < 0: raise OSError(ctypes.get_errno(), 'usleep')",
    "system: a timer": "import signal; signal.setitimer(signal.ITIMER_REAL, 0.01)",
    "system: wait for a descriptor": "import select; select.select([0], [], [], 0.01)",
    "system: a pipe of its own": "os.pipe()",
}
if platform.machine() != "x86_64":  # these name their system calls by number
    REFUSED = {name: code for name, code in REFUSED.items() if "system(" not in code}
