"""What RabbitMQ answers to wrong use, by its own names and numbers (AMQP 0-9-1: reply codes)."""

from __future__ import annotations

from evlab.errors import EvlabError

__all__ = ["AccessRefused", "ChannelClosed", "ConnectionLost", "Nacked", "NoRoute", "NotFound", "PreconditionFailed",
           "ResourceLocked", "RouterError", "Unsupported"]


class RouterError(EvlabError):
    """An answer of the router. `code` and `reply` are AMQP's."""

    code, reply = 541, "INTERNAL_ERROR"

    def __init__(self, what: str, **more):
        super().__init__(f"{self.reply} {self.code}: {what}", **more)


class NoRoute(RouterError):
    """A mandatory message that no binding wanted. It comes back to its sender; it is not raised. `message`."""

    code, reply = 312, "NO_ROUTE"


class AccessRefused(RouterError):
    """The name belongs to the router itself."""

    code, reply = 403, "ACCESS_REFUSED"


class NotFound(RouterError):
    """No queue or exchange of that name. `name`."""

    code, reply = 404, "NOT_FOUND"


class ResourceLocked(RouterError):
    """The queue is exclusive to another connection. `name`."""

    code, reply = 405, "RESOURCE_LOCKED"


class PreconditionFailed(RouterError):
    """A setting that the router refuses, or that differs from what is there; or a tag that is settled already."""

    code, reply = 406, "PRECONDITION_FAILED"


class ChannelClosed(RouterError):
    """The channel is closed, by you or by an error before."""

    code, reply = 504, "CHANNEL_ERROR"


class Unsupported(RouterError):
    """The router does not do this for such a queue, and says so."""

    code, reply = 540, "NOT_IMPLEMENTED"


class ConnectionLost(RouterError):
    """The router, or the way to it, is down. Of what was under way, the outcome is UNKNOWN."""

    code, reply = 320, "CONNECTION_FORCED"
    retriable = True


class Nacked(RouterError):
    """A queue did not take the message (basic.nack): it is full, and its overflow is reject-publish. `queues`."""

    code, reply = 311, "BASIC_NACK"
    retriable = True
