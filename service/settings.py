"""Settings: read once from the environment and the command line, then frozen."""

from __future__ import annotations

import json
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from detectors.media.sizes import SizeRule

ROOT: Final = Path(__file__).parent.parent
DEFAULT_POLICY: Final = ROOT / "policies" / "default.yaml"
MOST_PORT: Final = 65535
SANDBOX: Final = "sandbox"
PREFIX: Final = "GLASSGATE_"
FLAGS: Final = frozenset(
    {"upstream", "host", "port", "admin_host", "admin_port", "ext_proc_port", "policy", "workers"}
)
"""Settings that are flags of ``glassgate serve`` too."""


class SettingsError(Exception):
    """A setting that cannot be used; the message names the variable and the fix."""


class Settings(BaseSettings):
    """Each field is also an environment variable: ``GLASSGATE_`` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    upstream: str = Field(SANDBOX, description="base URL of the model's API, or `sandbox`")
    host: str = Field("127.0.0.1", min_length=1, description="address that the proxy listens on")
    port: int = Field(8080, ge=0, le=65535, description="port of the proxy; 0 picks a free one")
    admin_host: str = Field("127.0.0.1", min_length=1, description="address of the admin listener")
    admin_port: int = Field(8081, ge=0, le=65535, description="port of the admin listener")
    ext_proc_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="port at which Envoy's ext_proc filter is answered; not at all if empty",
    )
    policy: Path = Field(DEFAULT_POLICY, description="the policy file")
    workers: int = Field(1, ge=1, le=64, description="worker processes")
    threads: int = Field(
        default_factory=lambda: min(2, os.cpu_count() or 1),
        ge=1,
        le=256,
        description="inspections at once in a worker; with 2 it stays under 900 MB",
    )
    queue: int = Field(
        64, ge=1, description="inspections that may wait in a worker before 503 is answered"
    )
    inspect_timeout_s: float = Field(
        30.0,
        gt=0,
        description="seconds an inspection may take; what is left counts as not inspected",
    )
    picture_budget_s: float = Field(
        10.0,
        gt=0,
        description="seconds of computing, without the plain reading of its text, after which no "
        "view of a picture and no other look at it begins; what is left counts as not inspected",
    )
    cases_budget_s: float = Field(
        30.0,
        gt=0,
        description="seconds that the requests of a policy's cases may take together at an edit; "
        "one that takes longer is refused",
    )
    body_limit: int = Field(32 * 1024 * 1024, ge=1024, description="bytes a request may have")
    body_timeout_s: float = Field(30.0, gt=0, description="seconds a request body may take to come")
    answer_limit: int = Field(64 * 1024 * 1024, ge=1024, description="bytes an answer may have")
    upstream_connect_s: float = Field(5.0, gt=0, description="seconds to connect to the upstream")
    upstream_read_s: float = Field(600.0, gt=0, description="seconds between bytes of an answer")
    pass_through: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (), description="endpoints that pass uninspected: `POST /v1/audio/speech, GET /v1/files`"
    )
    fetch: Literal["off", "https", "http"] = Field(
        "https", description="what is fetched: nothing (`off`), `https` links, or `http` links too"
    )
    fetch_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="hosts that may be fetched from: `media.example.com, *.example.org`; "
        "none means any",
    )
    fetch_denied_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="hosts that may not, whatever the list above says"
    )
    fetch_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        (443, 80), description="ports that may be connected to"
    )
    fetch_addresses: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        description="networks that may be connected to although they are not public: "
        "`10.1.0.0/16, fd12::/48`",
    )
    fetch_limit: int = Field(
        20 * 1024 * 1024,
        ge=1024,
        description="bytes that the linked parts of one request may have together",
    )
    fetch_timeout_s: float = Field(
        10.0, gt=0, description="seconds that a part may take, redirects and waiting included"
    )
    fetch_parts: int = Field(8, ge=1, description="linked parts of one request that are fetched")
    fetch_at_once: int = Field(
        8, ge=1, description="fetches at once in a worker; 64 more may wait before 503 is answered"
    )
    image_sizes: Annotated[tuple[SizeRule, ...], NoDecode] = Field(
        (),
        description="sizes put before the built-in table: "
        '`[{"model": "llava*", "detail": "*", "long": 672}]`',
    )
    ocr: Literal["embedded", "openvino", "paddleocr", "tesseract"] = Field(
        "embedded", description="what reads the text in pictures"
    )
    checks: Path | None = Field(None, description="a file of checks of your own")
    neighbours: bool = Field(
        True, description="whether guard, moderations and LiteLLM's guardrail are answered"
    )
    tenant_header: str = Field(
        "", description="header in which the gateway before this one names the tenant"
    )
    key_groups: Annotated[dict[str, tuple[str, ...]], NoDecode] = Field(
        default_factory=dict,
        description='groups of API keys, by the SHA-256 of each: `{"partners": ["9f86d0…"]}`',
    )
    audit: str = Field(
        "", description="audit database: sqlite:///path or postgresql://…; none if empty"
    )
    audit_key: SecretStr = Field(
        SecretStr(""), description="32 bytes in base64 that captured payload is sealed with"
    )
    audit_key_file: Path | None = Field(None, description="a file of such keys, one a line")
    audit_full: Literal["drop", "refuse"] = Field(
        "drop", description="when the audit queue is full: drop records, or refuse requests"
    )
    audit_queue: int = Field(
        10_000, ge=1, description="records that may wait in a worker for the audit database"
    )
    audit_days: float | None = Field(None, gt=0, description="days that records are kept")
    audit_rows: int | None = Field(None, ge=0, description="records that are kept")
    files: Path | None = Field(
        None,
        description="SQLite file in which inspected uploads and answers are remembered; none "
        "forgets them when the service ends",
    )
    upload_key: SecretStr = Field(
        SecretStr(""),
        description="32 bytes in base64 that the URLs of Gemini's uploads are sealed with; gates "
        "that share an address need the same, one alone makes its own",
    )
    upload_folder: Path | None = Field(
        None,
        description="folder in which the pieces of Gemini's uploads over 8 MiB are kept until the "
        "last one; gates that share an address need the same, one alone makes its own",
    )
    cache: int = Field(4096, ge=0, description="verdicts that a worker remembers by content")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="level of the log: debug, info, warning or error"
    )

    @field_validator("upstream")
    @classmethod
    def _upstream(cls, value: str) -> str:
        if value == SANDBOX:
            return value
        if not value.startswith(("http://", "https://")):
            raise ValueError("it must begin with http:// or https://, or be `sandbox`")
        if not _host(value):
            raise ValueError("it must name a host, as https://api.example.com does")
        if "?" in value or "#" in value:
            raise ValueError("it must be a base URL, without a query or a fragment")
        return value.rstrip("/").removesuffix("/v1")

    @field_validator("pass_through", mode="before")
    @classmethod
    def _pass_through(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(_endpoint(entry) for entry in value.split(",") if entry.strip())

    @field_validator("fetch_hosts", "fetch_denied_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        return tuple(map(_glob, _entries(value))) if isinstance(value, str) else value

    @field_validator("fetch_ports", mode="before")
    @classmethod
    def _ports(cls, value: object) -> object:
        return tuple(map(_port, _entries(value))) if isinstance(value, str) else value

    @field_validator("fetch_addresses", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        return tuple(map(_network, _entries(value))) if isinstance(value, str) else value

    @field_validator("upload_key")
    @classmethod
    def _upload_key(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().translate(str.maketrans("+/", "-_"))
        try:
            if key:
                Fernet(key)
        except ValueError:
            raise ValueError(
                "it is not 32 bytes in base64; make one with `head -c 32 /dev/urandom | base64`"
            ) from None
        return SecretStr(key)

    @field_validator("image_sizes", "key_groups", mode="before")
    @classmethod
    def _written_as_json(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValueError(f"it is not JSON: {error}") from None

    @classmethod
    def read(cls, **given: object) -> Self:
        """The environment's settings, overridden by those given that are not None.

        Raises:
            SettingsError: a value cannot be used.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None


def target(host: str, port: int) -> str:
    """An address as URLs write it: an IPv6 one stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _entries(written: str) -> list[str]:
    return [entry.strip() for entry in written.split(",") if entry.strip()]


def _glob(entry: str) -> str:
    if not re.fullmatch(r"[a-z0-9*._:-]+", entry.lower()):
        raise ValueError(f"{entry!r} is not a host, such as media.example.com or *.example.com")
    return entry.lower()


def _port(entry: str) -> int:
    if not entry.isdecimal() or not 0 < int(entry) <= MOST_PORT:
        raise ValueError(f"{entry!r} is not a port, such as 443")
    return int(entry)


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(entry)
    except ValueError:
        raise ValueError(
            f"{entry!r} is not a network, such as 10.1.0.0/16 (no bits after the prefix)"
        ) from None


def _endpoint(entry: str) -> tuple[str, str]:
    method, _, path = entry.strip().partition(" ")
    if not method.isupper() or not path.startswith("/") or ".." in path:
        raise ValueError(f"{entry.strip()!r} is not a method and a path, such as `GET /v1/files`")
    return method, path


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        flag = f" (or --{name.replace('_', '-')})" if name in FLAGS else ""
        lines.append(f"{PREFIX}{name.upper()}{flag}: {item['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
