"""The form of an MCP server."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import Workspace
from chat.models import ToolServer
from gateway.addresses import clean_base_url

MAX_SERVERS = 50
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# What the connection itself is made of, and what would send the request as somebody else's.
RESERVED = frozenset(
    "accept accept-encoding connection content-length content-type cookie host mcp-protocol-version mcp-session-id te trailer"
    " transfer-encoding upgrade user-agent".split()
)
AS_TYPED = {"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}


class ToolServerForm(forms.Form):
    """One MCP server of a workspace. The header's value is never shown: left empty, the stored one stays."""

    name = forms.CharField(max_length=60, help_text="What people read in the menu, such as “Tickets”.")
    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://example.com/mcp", **AS_TYPED}),
        help_text="Of an MCP server that speaks streamable HTTP.",
    )
    header = forms.CharField(
        max_length=100,
        required=False,
        initial="Authorization",
        widget=forms.TextInput(attrs=AS_TYPED),
        label="Header for the key",
    )
    secret = forms.CharField(
        max_length=4000,
        required=False,
        label="Value of the header",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "data-1p-ignore": "", "data-lpignore": "true"}),
    )

    def __init__(self, workspace: Workspace, server: ToolServer | None, data: Mapping[str, Any] | None = None) -> None:
        initial = {"name": server.name, "url": server.url, "header": server.header} if server else None
        super().__init__(data, initial=initial)
        self.workspace = workspace
        self.server = server or ToolServer(workspace=workspace)
        kept = f"One that ends with {self.server.secret.last_four} is stored; left empty, it stays." if self.server.secret else ""
        self.fields["secret"].help_text = kept or "All of it, such as “Bearer …”. Empty where the server asks for none."

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        others = ToolServer.objects.filter(workspace=self.workspace).exclude(id=self.server.id)
        if others.filter(name__iexact=name).exists():
            raise ValidationError("There is a server of this name already.")
        if self.server._state.adding and others.count() >= MAX_SERVERS:
            raise ValidationError(f"A workspace has at most {MAX_SERVERS} servers.")
        return name

    def clean_url(self) -> str:
        try:
            return clean_base_url(self.cleaned_data["url"], is_trusted=False)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean_header(self) -> str:
        header = str(self.cleaned_data["header"]).strip()
        if header and (not _HEADER.fullmatch(header) or header.lower() in RESERVED):
            raise ValidationError("This cannot be used as a header for a key.")
        return header

    def clean_secret(self) -> str:
        secret = str(self.cleaned_data["secret"]).strip()
        if secret and not (secret.isascii() and secret.isprintable()):
            raise ValidationError("A header holds ASCII characters in one line.")
        return secret

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("secret") and not cleaned.get("header"):
            self.add_error("header", "Name the header that carries the value.")
        return cleaned

    def save(self) -> ToolServer:
        """Another address gets no key that was given for the one before, and its tools are to be found anew."""
        server, given = self.server, self.cleaned_data
        is_elsewhere = server.url != given["url"]
        if given["secret"] or is_elsewhere:
            server.secret = given["secret"] or None
        if is_elsewhere:
            server.tools, server.tested_at, server.test_error = [], None, ""
        server.name, server.url, server.header = given["name"], given["url"], given["header"]
        server.save()
        return server
