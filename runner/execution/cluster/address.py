"""Addresses of schedulers, and which of them may be used without encryption."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Literal

from singan.errors import UserError

if TYPE_CHECKING:
    from distributed.security import Security

Role = Literal["client", "scheduler", "worker"]

_ADDRESS = re.compile(r"(?P<protocol>tcp|tls)://(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")


def is_loopback(host: str) -> bool:
    """Whether a host's name or number stands for this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def security_for(address: str, role: Role, where: str) -> Security:
    """Encryption to use with a scheduler; certificates come from Dask's own configuration.

    Raises `UserError`, naming `where` the address was given, for anything that is no address, for one that
    would send code and pictures unencrypted through a network, and if `tls` has no certificates.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 2**16:
        raise UserError(f'"{address}" is no address of a scheduler', where=where, right="as tls://HOST:8786")
    if match["protocol"] == "tcp":
        return _unencrypted(address, match["host"], where)
    return _encrypted(role, where)


def _unencrypted(address: str, host: str, where: str) -> Security:
    from distributed.security import Security  # noqa: PLC0415  (the extra may not be installed)

    if not is_loopback(host):
        raise UserError(
            f"{address} is not encrypted, and whoever reaches it could run programs there",
            where=where,
            right=f"tls://{host}:PORT with certificates; docs/cluster.md tells how",
        )
    return Security(require_encryption=False)


def _encrypted(role: Role, where: str) -> Security:
    from distributed.security import Security  # noqa: PLC0415

    missing = UserError(
        f"tls needs a certificate for the {role}",
        where=where,
        right="name the files in Dask's configuration (distributed.comm.tls); docs/cluster.md tells how",
    )
    security = Security(require_encryption=True)
    if not getattr(security, "tls_ca_file", None) or not getattr(security, f"tls_{role}_cert", None):
        raise missing
    try:
        security.get_connection_args(role)
    except (OSError, ValueError) as error:  # (what is wrong with a certificate is an OSError too)
        raise UserError(f"certificates cannot be used: {error}", where=where) from None
    return security
