"""The access matrix of datasets and scores."""

import uuid
from typing import Any

from django.utils import timezone

from gateway.models import Evaluation
from telemetry import cases, datasets
from telemetry.models import Case, Dataset, InferenceLog
from tests.house.belongings import Belongings
from tests.house.row import SIGN_IN, Row
from tests.telemetry.calls import finished, record, started


def dataset_of(has: Belongings) -> Dataset:
    """One whose name everybody in the workspace may know."""
    workspace = has.conversation.workspace
    found = Dataset.objects.filter(workspace=workspace).first()
    return found or datasets.make(workspace.pk, "Tides", now=timezone.now(), by=has.conversation.owner_id)


def case_of(has: Belongings) -> list[uuid.UUID]:
    """The dataset, and what somebody else saved there of a call of Alice's."""
    dataset = dataset_of(has)
    datasets.add(dataset, [cases.draft("the secret plan?")], now=timezone.now(), by=None)
    dataset.cases.update(user_id=has.conversation.owner_id, saved_by=has.member.user_id)
    return [dataset.pk, Case.objects.get().pk]


def call_of(has: Belongings) -> list[uuid.UUID]:
    """A call of Alice's."""
    inference_id, workspace = uuid.uuid4(), has.conversation.workspace_id
    mine = {"workspace_id": workspace, "user_id": has.conversation.owner_id}
    asked = [{"role": "user", "content": "the secret plan"}]
    record(started(inference_id, **mine, messages=asked), finished(inference_id, workspace_id=workspace))
    return [InferenceLog.objects.get(id=inference_id).id]


def run_of(has: Belongings) -> list[uuid.UUID]:
    """The dataset, and a run of it with an answer to what Bob may not read."""
    dataset_id, case_id = case_of(has)
    now = timezone.now()
    run = Evaluation.objects.create(dataset_id=dataset_id, model_paths=["openai/fake"], case_count=1, started_at=now)
    run.results.create(case_id=case_id, model="openai/fake", output="the secret plan", error="the secret plan")
    return [dataset_id, run.pk]


def _of_dataset(*, bob: int = 200, **data: Any) -> Row:
    filled: dict[str, Any] = {"anonymous": SIGN_IN, "others": 404, "bob": bob, "alice": 200, "method": "post"}
    return Row(**filled, args=lambda has: [dataset_of(has).pk], data=lambda has: has.of_workspace(**data))


def _of_case(**more: Any) -> Row:
    return Row(anonymous=SIGN_IN, others=404, dora=more.pop("dora", 403), alice=200, args=case_of, **more)


DATASET = Row(anonymous=SIGN_IN, others=404, dora=403, bob=200, alice=200, args=lambda has: [dataset_of(has).pk])
ROWS: dict[str, Row] = {
    "datasets": Row(anonymous=SIGN_IN, others=200, dora=403, alice=200),
    "dataset": DATASET,
    "change_dataset": _of_dataset(name="Ebb and flow"),
    "delete_dataset": _of_dataset(bob=403),
    "add_case": _of_dataset(asked="Why?"),
    "import_cases": Row(anonymous=SIGN_IN, others=404, bob=422, alice=422, method="post", args=DATASET.args,
        data=lambda has: has.of_workspace()),  # without a file
    "export_cases": _of_dataset(),
    "case": _of_case(),
    "delete_case": _of_case(method="post"),
    "api:list_datasets": Row(anonymous=401, others=401, alice=401),
    "api:make_dataset": Row(anonymous=401, others=401, alice=401, method="post"),
    **{
        f"api:{name}": Row(anonymous=401, others=401, alice=401, method=method, args=lambda _: [uuid.UUID(int=1)])
        for name, method in (("get_dataset", "get"), ("remove_dataset", "delete"), ("list_cases", "get"), ("add_cases", "post"))
    },
    "api:remove_case": Row(anonymous=401, others=401, alice=401, method="delete", args=lambda _: [uuid.UUID(int=1)] * 2),
    "api:give_score": Row(anonymous=401, others=401, alice=401, method="post"),  # a key's, whoever is signed in
    "api:list_scores": Row(anonymous=401, others=401, alice=401),
    "api:delete_score": Row(anonymous=401, others=401, alice=401, method="delete", args=lambda _: [uuid.UUID(int=1)]),
    "evaluations": DATASET,
    "evaluation": Row(anonymous=SIGN_IN, others=404, dora=403, bob=200, alice=200, args=run_of),
    "delete_evaluation": Row(anonymous=SIGN_IN, others=404, dora=403, bob=403, alice=200, method="post", args=run_of),
    "save_case": Row(anonymous=SIGN_IN, others=404, dora=403, alice=200, args=call_of),
}  # fmt: skip
