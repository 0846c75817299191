"""May this person see this row? Pages, sockets and commands all ask here; for a stranger it does not exist."""

import uuid

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from accounts.access import current_membership, membership
from accounts.entrance import Bearer
from accounts.models import Membership, User
from chat.models import Conversation, File, Message


def conversations_of(user: User) -> QuerySet[Conversation]:
    """The person's own, in workspaces that they have not left: what a member made belongs to the workspace."""
    return _owned_by(user).filter(deleted_at=None)


def deleted_of(user: User) -> QuerySet[Conversation]:
    """The person's own that are deleted and not gone yet. They can be had back, and nothing else is done with them."""
    return _owned_by(user).filter(deleted_at__isnull=False)


def _owned_by(user: User) -> QuerySet[Conversation]:
    return Conversation.objects.filter(owner=user, workspace__in=Membership.objects.filter(user=user).values("workspace"))


def conversation_of(user: User, conversation_id: uuid.UUID) -> Conversation:
    """The person's own conversation. Raises `Http404`."""
    found = conversations_of(user).filter(id=conversation_id).first()
    if found is None:
        raise Http404("There is no such conversation.")
    return found


def conversations_for(bearer: Bearer) -> QuerySet[Conversation]:
    """What a key opens: its person's own in the key's workspace, and nothing that is not kept."""
    return conversations_of(owner_of(bearer)).filter(workspace_id=bearer.workspace_id, is_temporary=False)


def owner_of(bearer: Bearer) -> User:
    """The person in whose name a key opens things: to look for by, not read from the database."""
    return User(id=bearer.user_id)


def conversation_for(bearer: Bearer, given: str) -> Conversation:
    """The conversation with this id, a UUID or `c_` and its digits, where the key opens it. Raises `Http404`."""
    try:
        conversation_id = uuid.UUID(given.removeprefix("c_"))
    except ValueError:
        raise Http404("There is no such conversation.") from None
    found = conversations_for(bearer).filter(id=conversation_id).select_related("owner", "workspace").first()
    if found is None:
        raise Http404("There is no such conversation.")
    return found


def is_open_to(user: User, conversation_id: uuid.UUID) -> bool:
    return conversations_of(user).filter(id=conversation_id).exists()


def reply_of(user: User, run_id: uuid.UUID) -> Message:
    """The reply that a run of the person's own writes. Raises `Http404`."""
    found = Message.objects.select_related("conversation").filter(run_id=run_id, conversation__in=conversations_of(user)).first()
    if found is None:
        raise Http404("There is no such reply.")
    return found


def message_of(user: User, message_id: uuid.UUID, *, role: str | None = None) -> Message:
    """A message in a conversation of the person's own; of this role, if one is given. Raises `Http404`."""
    found = Message.objects.select_related("conversation").filter(id=message_id, conversation__in=conversations_of(user)).first()
    if found is None or (role is not None and found.role != role):
        raise Http404("There is no such message.")
    return found


def file_of(user: User, file_id: uuid.UUID) -> File:
    """A file that the person attached, in a workspace that they have not left. Raises `Http404`."""
    mine = File.objects.filter(owner=user, workspace__in=Membership.objects.filter(user=user).values("workspace"))
    found = mine.filter(id=file_id).first()
    if found is None:
        raise Http404("There is no such file.")
    return found


def part_for_new(request: HttpRequest, user: User, conversation_id: uuid.UUID) -> Membership:
    """As `part_for`, and another person's conversation is none. Raises `Http404`."""
    if Conversation.objects.filter(id=conversation_id).exclude(owner=user).exists():
        raise Http404("There is no such conversation.")
    return part_for(request, user, conversation_id)


def part_for(request: HttpRequest, user: User, conversation_id: uuid.UUID) -> Membership:
    """The person's part in the conversation's workspace, or in the current one when the conversation is yet to begin."""
    found = Conversation.objects.filter(id=conversation_id).only("workspace_id").first()
    return membership(user, found.workspace_id) if found else current_membership(request)
