"""What surrounds a conversation on its page, as answers hold it: the bar above it, and the word that it is deleted."""

from django.http import HttpRequest
from django.template.loader import render_to_string

from chat import costs
from chat.models import Conversation

NO_TOAST = '<div id="toast" hx-swap-oob="innerHTML"></div>'


def bar_html(request: HttpRequest, conversation: Conversation) -> str:
    """The bar, to be swapped in out of band."""
    context = {"conversation": conversation, "spent": costs.total_of(conversation.id), "is_out_of_band": True}
    return render_to_string("chat/_bar.html", context, request)


def toast_html(conversation: Conversation, *, is_open: bool) -> str:
    """That it is deleted, and the way back, to be swapped in out of band. `is_open`: its page was left for that."""
    context = {"deleted": conversation, "deleted_was_open": is_open}
    return f'<div id="toast" hx-swap-oob="innerHTML">{render_to_string("chat/_toast.html", context)}</div>'
