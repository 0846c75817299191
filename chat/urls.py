"""The pages of the chat and what their buttons post to."""

from django.urls import path

from chat.views import branches, details, exports, feedback, listing, pages, searching, shares, spending, turns, your_data

app_name = "chat"

urlpatterns = [
    path("", pages.home, name="home"),
    path("c/<uuid:conversation_id>/", pages.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/delete/", listing.delete, name="delete"),
    path("c/<uuid:conversation_id>/undelete/", listing.undelete, name="undelete"),
    path("c/<uuid:conversation_id>/end/", listing.end, name="end"),
    path("c/<uuid:conversation_id>/rename/", listing.rename, name="rename"),
    path("c/<uuid:conversation_id>/pin/", listing.pin, name="pin"),
    path("c/<uuid:conversation_id>/archive/", listing.shelve, name="archive"),
    path("conversations/", listing.conversations, name="conversations"),
    path("archive/", listing.archived, name="archived"),
    path("archive/empty/", listing.empty_archive, name="empty_archive"),
    path("search/", searching.search, name="search"),
    path("turns/", turns.send, name="send"),
    path("messages/<uuid:message_id>/feedback/", feedback.give, name="feedback"),
    path("c/<uuid:conversation_id>/share/", shares.share, name="share"),
    path("shares/<uuid:share_id>/revoke/", shares.revoke, name="revoke_share"),
    path("share/<str:token>/", shares.shared, name="shared"),
    path("share/<str:token>/continue/", shares.go_on, name="continue_share"),
    path("c/<uuid:conversation_id>/export/", exports.export, name="export"),
    path("settings/your-data/", your_data.your_data, name="your_data"),
    path("settings/your-data/export/", exports.export_all, name="export_all"),
    path("settings/your-data/export/progress/", exports.export_progress, name="export_progress"),
    path("settings/your-data/delete/", your_data.delete_all, name="delete_all"),
    path("settings/your-data/erase/", your_data.erase_me, name="erase_me"),
    path("messages/<uuid:message_id>/details/", details.show, name="details"),
    path("c/<uuid:conversation_id>/budget/", spending.budget, name="budget"),
    path("runs/<uuid:run_id>/stop/", turns.stop, name="stop"),
    path("runs/<uuid:run_id>/retry/", branches.retry, name="retry"),
    path("runs/<uuid:run_id>/continue/", branches.go_on, name="continue"),
    path("messages/<uuid:message_id>/edit/", turns.edit, name="edit"),
    path("messages/<uuid:message_id>/show/", branches.show, name="show"),
    path("messages/<uuid:message_id>/versions/", branches.versions, name="versions"),
    path("c/<uuid:conversation_id>/older/", branches.older, name="older"),
]
