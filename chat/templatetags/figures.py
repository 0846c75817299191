"""`usd` and `seconds` for templates."""

from django import template

from chat.figures import seconds
from telemetry.money import usd

register = template.Library()
register.filter(seconds)
register.filter(usd)
