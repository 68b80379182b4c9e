"""Why a node does not reach its coordinator, in words, and what to do about it."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from flwr.supercore.inflatable.inflatable_utils import ObjectPullError, ObjectPushError


def explain(error: Exception, address: str) -> str:
    """Why this node does not reach its coordinator, and what to do about it."""
    text = str(error)
    if isinstance(error, ObjectPullError | ObjectPushError):
        return f"{address} broke off in the middle of a message, or the run ended ({text}); connecting again"
    if isinstance(error, httpx.HTTPStatusError):
        return _explain_status(error.response, address)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        if "Hostname mismatch" in text or "IP address mismatch" in text:
            return (
                f"the certificate of {address} is for another name; use a name it was made for, or `gotong keys rotate`"
            )
        if "revoked" in text:
            return f"the key of {address} was revoked by its coordinator; somebody else may have it, do not connect"
        if "not yet valid" in text:
            return f"the certificate of {address} is not valid yet; compare the clocks of both machines"
        if "expired" in text:
            return f"the certificate of {address} has expired; its coordinator must run `gotong keys rotate`"
        return f"the certificate of {address} is not signed by the authority in ca.pem: a stranger, or an old ca.pem"
    return f"{address} cannot be reached{_through_proxy(address)}: {text or type(error).__name__}"


def _through_proxy(address: str) -> str:
    """In words, the proxy of the environment that calls to an address go through, without its password; "" for none."""
    host = address.rpartition(":")[0].strip("[]")
    proxy = getproxies().get("https") or getproxies().get("all")
    if not proxy or proxy_bypass(host):
        return ""
    parts = urlsplit(proxy)
    where = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    return f" through the proxy {where} of the environment (set no_proxy={host} to go past it)"


def _explain_status(response: httpx.Response, address: str) -> str:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return f"{address} refuses this node's signature: its key was revoked, or its clock is off by five minutes"
    if response.status_code == httpx.codes.PRECONDITION_FAILED:
        return (
            f"{address} does not know this node's key (not enrolled yet, or revoked), or another courier with the "
            f"same key is active; compare the fingerprints, or wait 20 s if a courier was just killed"
        )
    return f"{address} replies with HTTP {response.status_code}: {response.text[:200]}"
