"""The pages of the chat and what their buttons post to."""

from django.urls import path

from chat import views

app_name = "chat"

urlpatterns = [
    path("", views.home, name="home"),
    path("c/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/delete/", views.delete, name="delete"),
    path("conversations/", views.conversations, name="conversations"),
    path("turns/", views.send, name="send"),
    path("runs/<uuid:run_id>/stop/", views.stop, name="stop"),
    path("runs/<uuid:run_id>/retry/", views.retry, name="retry"),
]
