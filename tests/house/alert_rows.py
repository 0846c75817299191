"""The access matrix of alerts."""

import uuid
from dataclasses import replace

from gateway.models import AlertRule
from tests.house.belongings import Belongings
from tests.house.row import SIGN_IN, Row


def alert_of(has: Belongings) -> list[uuid.UUID]:
    """One of Alice's, which tells nobody."""
    values = {"figure": "error_rate", "threshold": 0.05}
    return [AlertRule.objects.get_or_create(workspace=has.conversation.workspace, name="secret plan", defaults=values)[0].pk]


LIST = Row(anonymous=SIGN_IN, others=200, dora=403, bob=403, alice=200)
ONE = Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, args=alert_of)
ACT = replace(ONE, method="post")
ROWS: dict[str, Row] = {
    "alerts": LIST,
    "new_alert": LIST,
    "alert_history": LIST,
    "alert": ONE,
    "change_alert": ONE,
    "test_alert": ACT,
    "mute_alert": ACT,
    "switch_alert": ACT,
    "delete_alert": ACT,
}
