"""What can go wrong with a call, drawn once; each dialect maps it to its own envelope.

GlassgateError
├── RequestError              the client can mend it
│   ├── Malformed             400  not the JSON or the shape that the dialect asks for
│   ├── ContentFiltered       400  refused, where the policy wants refusals to be errors
│   ├── AmbiguousKey          400  API keys of different groups: whose the call is cannot be told
│   ├── UnknownEndpoint       404  nothing here inspects this path
│   ├── SlowBody              408  the body did not arrive in time
│   ├── Conflict              409  another request works on the same upload
│   ├── BodyTooLarge          413
│   └── UnsupportedEncoding   415  a compressed body
├── Overloaded                503  the queue before inspection is full, or inspection overran
└── UpstreamError             the model's server is at fault
    ├── UpstreamUnreachable   502
    ├── UpstreamMalformed     502  an answer that cannot be read, so cannot be inspected
    ├── UpstreamFailed        4xx, 5xx: as it said, without words that could be passed on
    └── UpstreamTimeout       504

Start-up errors (``PolicyError``, ``SettingsError``, ``ModelError``) are no call's errors: they end
the process with a message. No message holds payload.
"""

from __future__ import annotations


class GlassgateError(Exception):
    """Root. ``pointer`` is the RFC 6901 place in the request body, where there is one."""

    status: int = 500
    code: str = "internal_error"
    retry_after_s: int | None = None

    def __init__(self, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer


class RequestError(GlassgateError):
    """The client can mend it."""

    status = 400
    code = "invalid_request"


class Malformed(RequestError):
    """Not the JSON or the shape that the dialect asks for."""


class ContentFiltered(RequestError):
    """Refused, where the policy wants refusals to be errors."""

    code = "content_filter"


class AmbiguousKey(RequestError):
    """API keys of different groups were sent, so whose the call is cannot be told."""

    code = "ambiguous_key"


class UnknownEndpoint(RequestError):
    """Nothing here inspects this path, so nothing passes."""

    status = 404
    code = "unknown_endpoint"


class SlowBody(RequestError):
    """The body did not arrive in time."""

    status = 408
    code = "request_timeout"


class Conflict(RequestError):
    """Another request works on the same upload."""

    status = 409
    code = "conflict"


class BodyTooLarge(RequestError):
    """The body is over the limit."""

    status = 413
    code = "request_too_large"


class UnsupportedEncoding(RequestError):
    """A compressed body: what is inspected must be what is sent."""

    status = 415
    code = "unsupported_encoding"


class Overloaded(GlassgateError):
    """The queue before inspection is full, or inspection overran its time."""

    status = 503
    code = "overloaded"
    retry_after_s = 1


class UpstreamError(GlassgateError):
    """The model's server is at fault."""

    status = 502
    code = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection to the model's server, or it broke off."""

    code = "upstream_unreachable"


class UpstreamMalformed(UpstreamError):
    """An answer that cannot be read, so cannot be inspected."""

    code = "upstream_malformed"


class UpstreamFailed(UpstreamError):
    """An error whose words cannot be passed on. It is raised with the server's own ``status``."""

    code = "upstream_error"


class UpstreamTimeout(UpstreamError):
    """The model's server did not answer in time."""

    status = 504
    code = "upstream_timeout"
