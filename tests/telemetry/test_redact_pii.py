"""`REDACT_PII=false`: in development, personal data may stay in what is stored; secrets never do."""

import os
import subprocess
import sys

from telemetry.policies import SECRETS
from telemetry.redaction import LABELS
from tests.house.tree import ROOT

ASKING = """
import django
django.setup()
from telemetry import policies
from telemetry.models import RedactionPolicy
text = "ann@example.com knows postgres://ann:hunter2secret@db/x and 4111 1111 1111 1111"
print(policies.DEFAULT.redactor.redact(text).text)
rules = policies._rules(RedactionPolicy(kinds_off=["IBAN"], regions=["US"], mode="log_only"), [])
print(rules.redactor.redact(text).text)
"""


def ask(**environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "ollive.settings", **environment}
    return subprocess.run([sys.executable, "-c", ASKING], cwd=ROOT, env=given, capture_output=True, text=True, check=False)


def test_personal_data_stays_and_secrets_go_whatever_the_workspace_says():
    told = ask(REDACT_PII="false").stdout.splitlines()
    for line in told:
        assert "ann@example.com" in line
        assert "4111 1111 1111 1111" in line
        assert "hunter2secret" not in line
    assert len(told) == 2


def test_it_is_refused_outside_development():
    refused = ask(REDACT_PII="false", ENVIRONMENT="production")
    assert refused.returncode != 0
    assert "REDACT_PII=false is for ENVIRONMENT=development alone" in refused.stderr


def test_every_kind_of_secret_is_one_that_is_looked_for():
    assert LABELS.keys() > SECRETS
