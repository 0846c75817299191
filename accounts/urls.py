"""Signing in and out. Of allauth's pages only those that we use are opened."""

from allauth.account import views as allauth_views
from django.urls import path

from accounts.views import sign_in

urlpatterns = [
    path("accounts/login/", allauth_views.login, name="account_login"),
    path("accounts/logout/", allauth_views.logout, name="account_logout"),
    path("accounts/password/change/", allauth_views.password_change, name="account_change_password"),
    path("accounts/password/set/", allauth_views.password_set, name="account_set_password"),
    path("accounts/link/<str:token>/", sign_in.sign_in_link, name="account_sign_in_link"),
]
