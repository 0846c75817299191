"""How the pages look and behave for a person, wherever they sign in."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import person
from accounts.models.appearance import CHOICES
from accounts.profile import set_preferences
from accounts.settings_pages import settings_page

# What holds where nothing was chosen.
DEFAULTS = {"theme": "auto", "text": "normal", "width": "normal", "enter": "send", "sidebar": "open"}
LABELS = {
    "theme": "Theme",
    "text": "Text size",
    "width": "Width of the conversation",
    "enter": "The Enter key",
    "sidebar": "The sidebar, when a page opens",
}
HELP = {
    "enter": "Shift+Enter breaks the line and Ctrl+Enter sends, whatever you choose. On a touch screen Enter breaks the line.",
    "sidebar": "On this device, closing or opening it by hand counts until you save here again.",
}


class AppearanceForm(forms.Form):
    """One choice for each thing; a page that sends fewer leaves the others as they are."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name, choices in CHOICES.items():
            self.fields[name] = forms.ChoiceField(
                label=LABELS[name],
                choices=choices,
                required=False,
                widget=forms.RadioSelect,
                help_text=HELP.get(name, ""),
            )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def appearance(request: HttpRequest) -> HttpResponse:
    user = person(request)
    if request.method == "POST":
        form = AppearanceForm(request.POST)
        if form.is_valid():
            set_preferences(user, {name: value for name, value in form.cleaned_data.items() if value})
            messages.success(request, "Saved. It looks like this wherever you sign in.")
            return redirect("appearance")
        return settings_page(request, "settings/appearance.html", {"form": form}, status=422)
    looks = user.appearance
    chosen = {name: getattr(looks, name) or default for name, default in DEFAULTS.items()}
    return settings_page(request, "settings/appearance.html", {"form": AppearanceForm(initial=chosen)})


@login_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """The switch in the menu of the chat: the theme alone, and no page."""
    form = AppearanceForm({"theme": request.POST.get("theme", "")})
    if not form.is_valid() or not form.cleaned_data["theme"]:
        return HttpResponse(status=422)
    set_preferences(person(request), {"theme": form.cleaned_data["theme"]})
    return HttpResponse(status=204)
