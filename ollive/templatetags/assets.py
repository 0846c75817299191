"""Style sheets, scripts and icons of the pages. Every template knows these tags without loading them."""

from functools import lru_cache

from django import template
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ollive import bundles

register = template.Library()


@register.simple_tag
def bundle(name: str) -> SafeString:
    """The links of a bundle of `static/bundles.json`."""
    addresses = [(static(file),) for file in bundles.files(name)]
    if name.endswith(".css"):
        return format_html_join("\n", '<link rel="stylesheet" href="{}">', addresses)
    return format_html_join("\n", '<script src="{}" defer></script>', addresses)


@register.simple_tag
def icon(name: str) -> SafeString:
    """One icon of the sprite; what it means is said beside it."""
    return _icon(name, str(staticfiles_storage.__class__))


@lru_cache(maxsize=512)
def _icon(name: str, _storage: str) -> SafeString:
    """A page shows hundreds, of a few dozen kinds. Tests exchange the storage."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons/sprite.svg"), name)
