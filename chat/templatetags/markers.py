"""`in_words` for templates: redaction markers in titles, where no chip can stand, as people read them."""

from django import template

from chat.figures import in_words

register = template.Library()
register.filter(in_words)
