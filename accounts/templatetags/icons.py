"""Where the icons lie: a page shows hundreds, and the address of their one file is worked out once."""

from functools import lru_cache

from django import template
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static

register = template.Library()


@register.simple_tag
def sprite() -> str:
    return _address(staticfiles_storage.__class__.__qualname__)


@lru_cache(maxsize=4)
def _address(_storage: str) -> str:
    """By the kind of storage, which tests exchange."""
    return static("icons/sprite.svg")
