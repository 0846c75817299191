"""The settings page of tools: which a workspace's chats may use, and the MCP servers that some of them come from."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.audit import Action
from accounts.models import Membership
from accounts.settings_pages import settings_page
from chat.models import ToolServer, WorkspaceTool
from chat.tools import trials
from chat.tools.builtin import BUILTIN
from chat.tools.forms import ToolServerForm


@login_required
@never_cache
@require_GET
def tools(request: HttpRequest) -> HttpResponse:
    part = current_membership(request)
    require(part, Act.CONFIGURE)
    on = set(WorkspaceTool.objects.filter(workspace=part.workspace).values_list("name", flat=True))
    context = {
        "builtin": [{"tool": tool, "is_on": name in on} for name, tool in BUILTIN.items()],
        "servers": ToolServer.objects.filter(workspace=part.workspace).order_by("name"),
    }
    return settings_page(request, "settings/tools.html", context)


@login_required
@require_POST
def switch_builtin(request: HttpRequest, name: str) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    if name not in BUILTIN:
        raise Http404("There is no such tool.")
    is_on = request.POST.get("on") == "1"
    with transaction.atomic():
        if is_on:
            WorkspaceTool.objects.get_or_create(workspace=part.workspace, name=name)
        else:
            WorkspaceTool.objects.filter(workspace=part.workspace, name=name).delete()
        _note(request, part, {"tool": name, "is_on": is_on})
    return redirect("chat:tools")


@login_required
@never_cache
@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
def add_server(request: HttpRequest) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    form = ToolServerForm(part.workspace, None, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return settings_page(request, "settings/tool_server.html", {"form": form}, status=422 if form.is_bound else 200)
    with transaction.atomic():
        server = form.save()
        _note(request, part, {"added": str(server.id)}, server)
    return _tested(request, server)


@login_required
@never_cache
@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
def change_server(request: HttpRequest, server_id: uuid.UUID) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    server = _server(part, server_id)
    form = ToolServerForm(part.workspace, server, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        off = set(server.disabled_tools)
        found = [{**tool, "is_on": tool["name"] not in off} for tool in server.tools]
        context = {"form": form, "server": server, "found": found}
        return settings_page(request, "settings/tool_server.html", context, status=422 if form.is_bound else 200)
    with transaction.atomic():
        form.save()
        _note(request, part, {"changed": form.changed_data}, server)
    return _tested(request, server)


@login_required
@require_POST
def test_server(request: HttpRequest, server_id: uuid.UUID) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    return _tested(request, _server(part, server_id))


@login_required
@require_POST
def choose_tools(request: HttpRequest, server_id: uuid.UUID) -> HttpResponse:
    """Which of a server's tools models get."""
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    server = _server(part, server_id)
    chosen = set(request.POST.getlist("tool"))
    with transaction.atomic():
        server.disabled_tools = [tool["name"] for tool in server.tools if tool["name"] not in chosen]
        server.save(update_fields=["disabled_tools"])
        _note(request, part, {"disabled": len(server.disabled_tools)}, server)
    messages.success(request, f"{server.name}: {len(server.tools) - len(server.disabled_tools)} tools are offered.")
    return redirect("chat:tool_server", server.id)


@login_required
@require_POST
def switch_server(request: HttpRequest, server_id: uuid.UUID) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    server = _server(part, server_id)
    with transaction.atomic():
        server.is_enabled = request.POST.get("on") == "1"
        server.save(update_fields=["is_enabled"])
        _note(request, part, {"is_on": server.is_enabled}, server)
    return redirect("chat:tools")


@login_required
@require_POST
def delete_server(request: HttpRequest, server_id: uuid.UUID) -> HttpResponse:
    """Delete it with its key. What its tools did in chats stays there."""
    part = posted_membership(request)
    require(part, Act.CONFIGURE)
    server = _server(part, server_id)
    with transaction.atomic():
        _note(request, part, {"deleted": str(server.id)}, server)
        server.delete()
    messages.success(request, f"{server.name} is deleted, and its key with it.")
    return redirect("chat:tools")


def _tested(request: HttpRequest, server: ToolServer) -> HttpResponse:
    if trials.test(server, now=timezone.now()):
        messages.success(request, f"{server.name} answered: {len(server.tools)} tool{'' if len(server.tools) == 1 else 's'}.")
    else:
        messages.error(request, server.test_error)
    return redirect("chat:tool_server", server.id)


def _server(part: Membership, server_id: uuid.UUID) -> ToolServer:
    server = ToolServer.objects.filter(workspace=part.workspace, id=server_id).first()
    if server is None:
        raise Http404("There is no such server.")
    return server


def _note(request: HttpRequest, part: Membership, detail: dict[str, object], server: ToolServer | None = None) -> None:
    audit.note(Action.TOOLS_CHANGED, person(request), now=timezone.now(), workspace=part.workspace, subject=server, detail=detail)
