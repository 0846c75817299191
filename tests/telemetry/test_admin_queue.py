"""The operator sees what waits and what died, with the accounts, and tries dead letters again."""

import io

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from telemetry import digest, feed, processes, tallies
from telemetry.models import DeadLetter, InboxEvent, InferenceLog
from tests.people import make_person
from tests.telemetry.calls import append, finished, let_time_pass, spoil
from tests.telemetry.test_admin_calls import INLINE

pytestmark = pytest.mark.django_db
INBOX, DEAD, PROCESSES = (
    "admin:telemetry_inboxevent_changelist",
    "admin:telemetry_deadletter_changelist",
    "admin:telemetry_process_changelist",
)


@pytest.fixture(autouse=True)
def root(client, db) -> User:
    person = make_person("Root", is_staff=True, is_superuser=True)
    client.force_login(person)
    return person


def page(client, name: str, *args: object) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def bury(*bodies: str) -> None:
    spoil(*bodies)
    for _ in range(digest.ATTEMPTS):
        digest.drain()
        let_time_pass()


def test_the_accounts_stand_above_what_waits(client):
    append(finished(), finished())
    text = page(client, INBOX)
    assert "Every event is accounted for" in text
    assert "2 received = 0 stored + 0 duplicate + 0 rejected + 0 dead + 2 pending" in text


def test_missing_events_are_shown_as_such(client):
    append(finished())
    InboxEvent.objects.all().delete()
    assert "Events are missing" in page(client, INBOX)


def test_a_dead_letter_is_tried_again_with_one_action(client):
    bury("not json")
    dead = DeadLetter.objects.get()
    assert '<option value="retry">' in page(client, DEAD)
    DeadLetter.objects.update(body=finished().body)
    answer = client.post(reverse(DEAD), {"action": "retry", "_selected_action": [dead.id]}, follow=True)
    assert "1 event waits in the inbox again." in answer.content.decode()
    digest.drain()
    assert InferenceLog.objects.count() == 1


def test_retrying_needs_its_permission(client, dora):
    bury("not json")
    dora.user_permissions.set(Permission.objects.filter(codename="view_deadletter"))
    client.force_login(dora)
    client.post(reverse(DEAD), {"action": "retry", "_selected_action": [DeadLetter.objects.get().id]})
    assert DeadLetter.objects.exists()


def test_discarded_dead_letters_stay_in_the_accounts(client):
    bury("not json", "nor this")
    chosen = [dead.id for dead in DeadLetter.objects.all()]
    client.post(reverse(DEAD), {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert tallies.balance().rejected == {"discarded": 2}
    assert tallies.balance().missing == 0


def test_the_words_of_an_event_need_the_permission(client, dora):
    append(finished(reply="The moon pulls the water."))
    event = InboxEvent.objects.get()
    assert "pulls the water" not in page(client, "admin:telemetry_inboxevent_change", event.id)
    revealed = client.post(reverse("admin:telemetry_inboxevent_reveal", args=[event.id]))
    assert "pulls the water" in revealed.content.decode()
    dora.user_permissions.set(Permission.objects.filter(codename="view_inboxevent"))
    client.force_login(dora)
    assert "pulls the water" not in page(client, "admin:telemetry_inboxevent_change", event.id)


def test_what_waits_can_not_be_changed_or_deleted(client):
    append(finished())
    event = InboxEvent.objects.get()
    assert client.post(reverse("admin:telemetry_inboxevent_delete", args=[event.id]), {"post": "yes"}).status_code == 403
    assert client.post(reverse("admin:telemetry_inboxevent_change", args=[event.id]), {"body": "{}"}).status_code == 403


@pytest.mark.parametrize("name", [INBOX, DEAD, PROCESSES])
def test_a_list_asks_as_many_queries_for_twenty_rows_as_for_ten(client, name):
    counts = []
    for _ in range(2):
        if name == PROCESSES:
            for _ in range(10):
                processes.register("web")
        elif name == INBOX:
            append(*[finished() for _ in range(10)])
        else:
            bury(*["not json"] * 10)
            DeadLetter.objects.filter(event_id__startswith="spoiled").update(event_id="kept")
        with CaptureQueriesContext(connection) as queries:
            page(client, name)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_processes_show_whether_they_live(client):
    process = processes.register("web")
    assert "icon-yes" in page(client, PROCESSES)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_process SET beat_at = beat_at - interval '1 minute' WHERE id = %s", [process])
    assert "icon-no" in page(client, PROCESSES)


def test_the_pages_have_no_inline_script_or_style(client):
    bury("not json")
    append(finished())
    processes.register("web")
    details = [("inboxevent", InboxEvent.objects.get()), ("deadletter", DeadLetter.objects.get())]
    texts = [page(client, name) for name in (INBOX, DEAD, PROCESSES)]
    texts += [page(client, f"admin:telemetry_{name}_change", row.pk) for name, row in details]
    assert not [text for text in texts if INLINE.search(text)]


ACCOUNTING = "admin:telemetry_accounting"


def test_the_accounting_page_has_all_that_waits_and_who_works(client):
    append(finished(), finished())
    processes.register("worker")
    feed.join("export")
    text = page(client, ACCOUNTING)
    assert "2 received = 0 stored + 0 duplicate + 0 rejected + 0 dead + 2 pending" in text
    for words in ("2 events</a>", "The digest lags by", "0 events, 0", "worker", "export"):
        assert words in text


def test_the_accounting_page_follows_without_a_script_of_its_own(client):
    text = page(client, ACCOUNTING)
    assert 'hx-trigger="every 3s"' in text
    assert not INLINE.search(text)


def test_the_accounting_page_is_for_those_who_may_see_what_waits(client):
    client.force_login(make_person("Nobody", is_staff=True))
    assert client.get(reverse(ACCOUNTING)).status_code == 403


def test_dead_letters_are_all_tried_again_by_the_command():
    bury("{}", "[]")
    said = io.StringIO()
    call_command("replay_dead", "--dry-run", stdout=said)
    assert said.getvalue().startswith("2 dead letters")
    call_command("replay_dead", stdout=said)
    assert "2 events wait in the inbox again" in said.getvalue()
    assert (DeadLetter.objects.count(), InboxEvent.objects.count()) == (0, 2)
    assert tallies.balance().missing == 0
