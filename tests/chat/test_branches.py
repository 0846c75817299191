"""Branches: asking anew, in other words or of another model, and which branch is shown; nothing is ever destroyed."""

import random
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from accounts.models import Membership
from chat.branches import Node, Tree
from chat.models import Conversation, Message
from tests.chat.browser import Browser, ended, wait_for
from tests.fakes.fixtures import RunningProvider

SHOWN = re.compile(r'<article id="message-([0-9a-f-]{36})"')


def shown(browser: Browser, conversation: uuid.UUID) -> list[str]:
    """The messages on the page."""
    return SHOWN.findall(browser.client.get(f"/c/{conversation}/").text)


def edited(browser: Browser, message: uuid.UUID, prompt: str, new: uuid.UUID | None = None) -> Message:
    fields = {"prompt": prompt, "message": str(new or uuid.uuid4()), "model": "openai/plain"}
    answer = browser.post(f"/messages/{message}/edit/", fields)
    assert answer.status_code == 200, answer.text
    return Message.objects.get(id=fields["message"])


def reply_to(prompt: Message) -> Message:
    reply = prompt.children.order_by("-position").get()
    return ended(str(reply.run_id))


@pytest.fixture
def first(as_alice: Browser):
    sent = as_alice.send("One")
    ended(sent.run)
    return sent


def test_an_edited_prompt_is_a_sibling_with_a_reply_of_its_own(as_alice: Browser, first, fake_provider: RunningProvider):
    again = edited(as_alice, first.message, "One, in other words")
    reply = reply_to(again)

    assert again.parent_id is None
    assert [said["content"] for said in fake_provider.last.body["messages"]] == ["One, in other words"]
    assert shown(as_alice, first.conversation) == [str(again.id), str(reply.id)]
    assert Message.objects.count() == 4


def test_switching_is_kept_and_leads_to_the_leaf_that_was_seen_last(as_alice: Browser, first):
    second = as_alice.send("Two", conversation=first.conversation)
    ended(second.run)
    older_leaf = second.reply
    third = edited(as_alice, second.message, "Two, again")
    reply_to(third)
    newer = edited(as_alice, first.message, "Another beginning")
    reply_to(newer)

    answer = as_alice.post(f"/messages/{first.message}/show/")
    assert SHOWN.findall(answer.text)[0] == str(first.message)
    assert shown(as_alice, first.conversation)[-2] == str(third.id)

    as_alice.post(f"/messages/{second.message}/show/")
    as_alice.post(f"/messages/{newer.id}/show/")
    as_alice.post(f"/messages/{first.message}/show/")
    assert shown(as_alice, first.conversation)[-1] == str(older_leaf.id)


def test_the_next_prompt_continues_what_the_page_shows(as_alice: Browser, first, fake_provider: RunningProvider):
    root = first.reply
    elsewhere = edited(as_alice, first.message, "Elsewhere")
    reply_to(elsewhere)

    fields = {"conversation": str(first.conversation), "message": str(uuid.uuid4()), "prompt": "Two", "model": "openai/plain"}
    as_alice.post("/turns/", fields | {"parent": str(root.id)})
    two = Message.objects.get(id=fields["message"])
    reply_to(two)

    assert two.parent_id == root.id
    assert [said["content"] for said in fake_provider.last.body["messages"]] == ["One", root.content, "Two"]
    assert str(two.id) in shown(as_alice, first.conversation)


def test_a_reply_is_regenerated_by_another_model(as_alice: Browser, first):
    answer = as_alice.post(f"/runs/{first.run}/retry/", {"model": "openai/other"})

    second = Message.objects.get(model="openai/other")
    ended(str(second.run_id))
    assert SHOWN.findall(answer.text) == [str(second.id)]
    assert second.parent_id == first.message
    assert 'aria-label="Version 2 of 2"' in as_alice.client.get(f"/c/{first.conversation}/").text


def test_regenerating_while_a_reply_is_written_is_refused(as_alice: Browser, first):
    running = as_alice.send("Count", conversation=first.conversation, model="openai/paced-20")

    for path in (f"/runs/{first.run}/retry/", f"/runs/{running.run}/retry/", f"/runs/{running.run}/continue/"):
        assert as_alice.post(path).status_code == 409
    fields = {"prompt": "Kept", "message": str(uuid.uuid4()), "model": "openai/plain"}
    answer = as_alice.post(f"/messages/{first.message}/edit/", fields)

    assert answer.status_code == 409
    assert "still being written" in answer.text
    assert not Message.objects.filter(content="Kept").exists()
    as_alice.stop(running.run)
    ended(running.run)


def test_of_two_edits_at_once_one_is_stored(as_alice: Browser, first, fake_provider: RunningProvider):
    fake_provider.script("*", chunks=["slow "] * 40, rate=20)

    def post(number: int) -> int:
        fields = {"prompt": f"Edit {number}", "message": str(uuid.uuid4()), "model": "openai/plain"}
        return as_alice.post(f"/messages/{first.message}/edit/", fields).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(post, (1, 2)))

    assert statuses == [200, 409]
    assert Message.objects.filter(role="user").count() == 2
    ended(str(Message.objects.get(status="streaming").run_id))


def test_an_edit_that_is_sent_twice_is_one(as_alice: Browser, first, fake_provider: RunningProvider):
    new = uuid.uuid4()
    reply_to(edited(as_alice, first.message, "Again", new))
    edited(as_alice, first.message, "Again", new)

    assert Message.objects.count() == 4
    assert len(fake_provider.requests) == 2


def test_an_edited_secret_is_removed_before_it_is_stored(as_alice: Browser, first):
    again = edited(as_alice, first.message, "Mail alice.liddell@example.org")
    reply_to(again)

    assert "alice.liddell" not in again.content


def strange_parents(browser: Browser, others: Message, own_prompt: uuid.UUID) -> list[str]:
    elsewhere = browser.send("Another chat")
    ended(elsewhere.run)
    return [str(uuid.uuid4()), str(others.id), str(elsewhere.reply.id), str(own_prompt), "no uuid"]


def test_a_parent_from_elsewhere_is_refused_and_nothing_stored(as_alice: Browser, first, charlie):
    theirs = Conversation.objects.create(workspace=charlie.memberships.get().workspace, owner=charlie)
    others = Message.objects.create(conversation=theirs, role="assistant", content="secret", run_id=uuid.uuid4(), position=1)
    parents = strange_parents(as_alice, others, first.message)
    count = Message.objects.count()

    for parent in parents:
        fields = {"conversation": str(first.conversation), "prompt": "Hi", "model": "openai/plain", "parent": parent}
        answer = as_alice.post("/turns/", fields)
        assert answer.status_code == 422
        assert "secret" not in answer.text

    assert Message.objects.count() == count


def test_what_is_anothers_does_not_exist(as_alice: Browser, charlie):
    theirs = Conversation.objects.create(workspace=charlie.memberships.get().workspace, owner=charlie)
    prompt = Message.objects.create(conversation=theirs, role="user", content="secret", position=1)
    reply = Message.objects.create(conversation=theirs, parent=prompt, role="assistant", run_id=uuid.uuid4(), position=2)

    for path in (f"/messages/{prompt.id}/edit/", f"/messages/{reply.id}/show/", f"/runs/{reply.run_id}/continue/"):
        assert as_alice.post(path, {"prompt": "x"}).status_code == 404
    for path in (f"/messages/{prompt.id}/versions/", f"/c/{theirs.id}/older/?before={reply.id}"):
        assert as_alice.client.get(path).status_code == 404
    assert Message.objects.count() == 2


def test_a_reply_is_no_prompt_to_edit(as_alice: Browser, first):
    assert as_alice.post(f"/messages/{first.reply.id}/edit/", {"prompt": "x"}).status_code == 404


def test_a_viewer_looks_at_other_versions_and_changes_nothing(as_alice: Browser, first, alice):
    newer = edited(as_alice, first.message, "Newer")
    reply_to(newer)
    Membership.objects.filter(user=alice).update(role="viewer")

    answer = as_alice.post(f"/messages/{first.message}/show/")

    assert SHOWN.findall(answer.text)[0] == str(first.message)
    assert shown(as_alice, first.conversation)[0] == str(newer.id)
    assert as_alice.post(f"/messages/{first.message}/edit/", {"prompt": "x"}).status_code == 403


def test_other_tabs_are_told_where_a_turn_belongs(as_alice: Browser, first):
    with as_alice.page() as page:
        page.sync(first.conversation, last=first.reply.id)
        page.say({"type": "ping"})
        page.read_until(lambda: page.others)
        newer = edited(as_alice, first.message, "Newer")
        page.read_until(lambda: page.turns)
    reply = reply_to(newer)

    turn = page.turns[0]
    assert (turn["prompt"], turn["reply"], turn["parent"]) == (str(newer.id), str(reply.id), None)


def test_without_scripts_a_refusal_keeps_the_chat(as_alice: Browser, first):
    running = as_alice.send("Count", conversation=first.conversation, model="openai/paced-20")
    answer = as_alice.post(f"/runs/{first.run}/retry/", is_htmx=False)

    assert answer.status_code == 409
    assert str(first.message) in answer.text
    as_alice.stop(running.run)
    wait_for(lambda: not Message.objects.filter(status="streaming").exists())


# --- The tree by itself ---------------------------------------------------------------------------------------------


def random_tree(seed: int) -> Tree:
    chance = random.Random(seed)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    nodes: list[Node] = []
    for position in range(chance.randint(1, 60)):
        parent = chance.choice([None, *nodes[-8:], *nodes[-3:]])
        seen_at = began + timedelta(seconds=chance.choice([position, chance.randint(0, 100)]))
        compare_id = uuid.UUID(int=parent.position + 1) if parent and chance.random() < 0.3 else None
        slot = chance.randint(0, 3)
        parent_id = parent.id if parent else None
        nodes.append(Node(uuid.uuid4(), parent_id, position, "user", "complete", slot, compare_id, seen_at))
    chance.shuffle(nodes)
    return Tree(nodes)


@pytest.mark.parametrize("seed", range(200))
def test_every_branch_of_any_tree_holds_together(seed: int):
    tree = random_tree(seed)
    for node in tree.nodes:
        branch = tree.branch(node.id)
        assert branch[0].parent_id is None
        assert all(later.parent_id == earlier.id for earlier, later in pairwise(branch))
        assert node in branch
        assert branch[-1].id not in tree.children
        leaf = tree.leaf_below(node.id)
        assert leaf == branch[-1] or node.id not in tree.children
        below = [one for one in tree.nodes if one.id not in tree.children and node in tree.path_to(one.id)]
        assert leaf == max(below, key=lambda one: (one.seen_at, one.position))
        siblings = tree.siblings(node.id)
        assert node in siblings
        assert len({one.parent_id for one in siblings}) == 1
        columns = tree.columns(node.id)
        assert not columns or (node in columns and [one.slot for one in columns] == sorted({one.slot for one in columns}))
    assert sum(len(found) for found in tree.children.values()) == len(tree.nodes)


def test_without_a_choice_the_branch_that_was_written_last_is_shown():
    tree = random_tree(7)
    assert tree.branch(None)[-1] == tree.newest
    assert tree.branch(uuid.uuid4())[-1] == tree.newest
    assert Tree([]).branch(None) == []
