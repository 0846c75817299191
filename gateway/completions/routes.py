"""Where a program's request goes, found in memory where it can be: a thread costs as much as all the rest."""

from accounts.database import in_thread
from accounts.entrance import Bearer
from gateway import allowances, routing, shelves
from gateway.routing import Route


async def find(name: str, bearer: Bearer, *, subject: str) -> Route:
    """Raises `ProviderError`, and `Refused` where the key is for other models.

    A shelf that has answered once, in a thread, holds all that it takes to answer again.
    """
    name = name.strip()
    shelf = shelves.fresh(bearer.workspace_id)
    if shelf is not None and (name, bearer.role) in shelf.warm:
        route = routing.plan(name, workspace_id=bearer.workspace_id, role=bearer.role, subject=subject)
    else:
        route = await in_thread(routing.plan, name, workspace_id=bearer.workspace_id, role=bearer.role, subject=subject)
        if shelf is not None and shelves.fresh(bearer.workspace_id) is shelf:
            shelf.warm.add((name, bearer.role))
    allowances.require_model(bearer, name, "" if route.alias else route.target.path)
    return route
