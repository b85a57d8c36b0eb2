"""Python imports this when it starts, if its folder is on PYTHONPATH: no socket may leave this machine."""

import ipaddress
import socket

_real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
_getaddrinfo = socket.getaddrinfo


def _check(host):
    if host in ("localhost", "", None):
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise OSError(f"no network here: {host} is not this machine")


def _guarded(name):
    def method(self, *arguments):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(arguments[-1][0])
        return _real[name](self, *arguments)

    return method


for _name in _real:
    setattr(socket.socket, _name, _guarded(_name))


def _resolve(host, *arguments, **named):
    _check(host.decode() if isinstance(host, bytes) else host)
    return _getaddrinfo(host, *arguments, **named)


socket.getaddrinfo = _resolve
