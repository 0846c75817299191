"""The pages of the chat and what their buttons post to."""

from django.urls import path

from chat.views import listing, pages, turns

app_name = "chat"

urlpatterns = [
    path("", pages.home, name="home"),
    path("c/<uuid:conversation_id>/", pages.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/delete/", listing.delete, name="delete"),
    path("conversations/", listing.conversations, name="conversations"),
    path("turns/", turns.send, name="send"),
    path("runs/<uuid:run_id>/stop/", turns.stop, name="stop"),
    path("runs/<uuid:run_id>/retry/", turns.retry, name="retry"),
]
