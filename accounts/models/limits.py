"""How much may be asked in a minute, and at once."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

MOST = 1_000_000_000
RANGE = (MinValueValidator(1), MaxValueValidator(MOST))


class Limited(models.Model):
    """Whatever has limits of its own. Where one is empty, that of the workspace or of the installation holds."""

    requests_per_minute = models.IntegerField("requests a minute", null=True, blank=True, validators=RANGE)
    tokens_per_minute = models.IntegerField("tokens a minute", null=True, blank=True, validators=RANGE)
    concurrent_calls = models.IntegerField("calls at once", null=True, blank=True, validators=RANGE)

    class Meta:
        abstract = True
