"""Storing providers: what may be stored, and what happens to the key when the address changes."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import Workspace
from gateway import directory, sources
from gateway.addresses import PrivateAddressError, clean_base_url
from gateway.models import Provider

EXPANDED = "os.environ/"
# LiteLLM builds host names of regions and projects.
UNSAFE = set("/\\?#@% \t\r\n")
GOOGLES = {"token_uri": "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com"}


def add_provider(
    name: str,
    kind: str,
    *,
    api_key: str = "",
    base_url: str = "",
    model_names: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    workspace: Workspace | None = None,
    is_trusted: bool,
) -> Provider:
    """Store a provider, or change the one of that name. Raises `ValidationError` with sentences.

    A trusted address (from a command) may lead anywhere; another one is judged now and whenever it is connected to.
    """
    provider = Provider.objects.filter(workspace=workspace, name=name).first() or Provider(workspace=workspace, name=name)
    provider.kind = kind
    if base_url:
        move(provider, judge_address(kind, base_url, is_trusted=is_trusted), is_trusted=is_trusted)
    if model_names:
        provider.model_names = list(model_names)
    if options:
        provider.options = options
    if api_key:
        provider.api_key = api_key
    check(name, kind, base_url=provider.base_url, has_key=bool(provider.api_key), is_trusted=provider.is_trusted)
    check_values(api_key, provider.options, provider.model_names)
    provider.full_clean()
    provider.save()
    sources.forget()
    return provider


def settle(provider: Provider, given: str, *, kind: directory.Kind) -> None:
    """Give a provider the address that was typed into a page. One in the private network has to wait for the owner's word,
    and it has to do so again when its host comes to lead there. Raises `ValidationError`.
    """
    if provider.is_trusted and given.strip().rstrip("/") == provider.base_url:
        return
    private_host = ""
    try:
        base_url = judge_address(kind.name, given, is_trusted=False) if given.strip() else ""
    except ValidationError as error:
        cause = error.__cause__
        if not isinstance(cause, PrivateAddressError):
            raise
        base_url, private_host = with_suffix(kind, cause.url), cause.host
    move(provider, base_url, is_trusted=False)
    if private_host != provider.private_host:
        provider.private_host, provider.allowed_at = private_host, None


def with_suffix(kind: directory.Kind | None, base_url: str) -> str:
    return base_url + kind.suffix if kind and not base_url.endswith(kind.suffix) else base_url


def judge_address(kind: str, given: str, *, is_trusted: bool) -> str:
    """The address as it is stored. Raises `ValidationError`."""
    try:
        cleaned = clean_base_url(given, is_trusted=is_trusted)
    except ValueError as error:
        raise ValidationError({"base_url": str(error)}) from error
    return with_suffix(sources.kind_named(kind), cleaned)


def move(provider: Provider, base_url: str, *, is_trusted: bool) -> None:
    """Set another address. It clears the key: a key is told to no other host than the one that it was given for."""
    if base_url != provider.base_url:
        provider.base_url, provider.is_trusted, provider.api_key = base_url, is_trusted, None
        provider.private_host, provider.allowed_at = "", None


def check_values(api_key: str, options: Any, model_names: Any) -> None:
    """Raise `ValidationError` for options that could redirect a call, and for values that LiteLLM would expand."""
    if not isinstance(options, dict) or not all(isinstance(value, str | dict) for value in options.values()):
        raise ValidationError({"options": "Options are an object of texts."})
    if not isinstance(model_names, list) or not all(isinstance(name, str) and name for name in model_names):
        raise ValidationError({"model_names": "Models are a list of names."})
    unknown = [name for name in options if not directory.is_option(name)]
    if unknown:
        raise ValidationError({"options": f"There is no option {', '.join(unknown)}."})
    if EXPANDED in api_key or EXPANDED in str(options):
        raise ValidationError(f"A value must not begin with {EXPANDED}: give the key itself.")
    if any(set(str(value)) & UNSAFE for value in options.values() if not isinstance(value, dict)):
        raise ValidationError({"options": "An option is a word: it becomes part of the address that is asked."})


def check(name: str, kind: str, *, base_url: str, has_key: bool, is_trusted: bool) -> None:
    """Raise `ValidationError` unless such a provider can be reached."""
    if name == sources.LOCAL:
        raise ValidationError({"name": "That name is the demo model's."})
    known = sources.kind_named(kind)
    if known is None:
        raise ValidationError({"kind": f"{kind} cannot be used here."})
    if known.adapter == directory.DIRECT and not (base_url or known.base_url):
        raise ValidationError({"base_url": f"{known.label} needs an address."})
    if known.adapter != directory.DIRECT and base_url and not is_trusted:
        raise ValidationError({"base_url": f"The address of {known.label} can be set by manage.py add_provider only."})
    if known.needs_key and not (has_key or base_url):
        raise ValidationError({"api_key": f"{known.label} needs a key."})


def check_key(kind: directory.Kind, key: str) -> None:
    """Raise `ValidationError` for a key that cannot be one, or that would sign in at another place than its provider."""
    if key and kind.key_option == "vertex_credentials":
        try:
            account = json.loads(key)
        except ValueError:
            account = None
        is_account = isinstance(account, dict) and account.get("type") == "service_account"
        if not is_account or any(account.get(name, right) != right for name, right in GOOGLES.items()):
            raise ValidationError("Paste the whole JSON file of a service account.")
    elif EXPANDED in key:
        raise ValidationError(f"A value must not begin with {EXPANDED}: give the key itself.")
    elif key and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValidationError("A key has no spaces and no special characters. Copy it again.")
