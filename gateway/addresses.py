"""Which addresses a provider may have. From the environment or a command any is trusted; one that was typed into a page
must be https and public, or its host listed in `OLLIVE_PRIVATE_PROVIDER_HOSTS`, when it is saved and when it is connected to.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from django.conf import settings

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddressError(OSError):
    """A host leads to an address that is not public. An OSError, as resolvers raise."""


def clean_base_url(given: str, *, is_trusted: bool) -> str:
    """The address without its last slash. Raises ValueError with a sentence."""
    url = given.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("The address cannot be read.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("The address must begin with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("The address must not hold a name or a password.")
    if parts.query or parts.fragment:
        raise ValueError("The address must end with its path.")
    if is_trusted or is_listed(host):
        return url
    if parts.scheme != "https":
        raise ValueError("The address must begin with https://, or its host be listed in OLLIVE_PRIVATE_PROVIDER_HOSTS.")
    if not all(is_public(address) for address in _addresses_of(host)):
        raise ValueError("The host is in a private network. List it in OLLIVE_PRIVATE_PROVIDER_HOSTS to allow it.")
    return url


def is_listed(host: str) -> bool:
    """Whether the operator allows this host wherever it leads."""
    return host.lower() in {name.lower() for name in settings.OLLIVE_PRIVATE_PROVIDER_HOSTS}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, however it is dressed."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def require_public(host: str) -> None:
    """Raise `ForbiddenAddressError` for an IP address that isn't public; names are judged when they are resolved."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if not is_public(host) and not is_listed(host):
        raise ForbiddenAddressError(f"{host} is in a private network.")


def _addresses_of(host: str) -> list[str]:
    """Where a host leads now; nowhere is no reason to refuse it, as it is looked at again when it is connected to."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []
