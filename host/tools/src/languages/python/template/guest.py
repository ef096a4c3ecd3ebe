"""The guest NAME. `snow-host run` serves this file as it is, and `snow-host test` runs the cases in
NAME.test.toml. What it imports lies in the folder NAME/ beside it.

| route | answer |
|---|---|
| `GET /NAME/hello/ada` | `hello ada` |
| `GET /NAME/orders/7` | waits until order 7 is approved; after 30 seconds 504 |
| `POST /NAME/orders/7/approve` | approves it with the request's body, or 404 if nobody waits |
"""

from snow import Pending, Request, Resumed, Suspension, route, set_next, suspend


@route("GET", r"/NAME/hello/(?P<who>\w+)")
def hello(who: str) -> str:
    """Answers at once. The pattern is a regular expression for the whole path."""
    return f"hello {who}"


@route("GET", r"/NAME/orders/(?P<number>\d+)")
def order(number: str) -> Suspension:
    """Waits for an approval.

    Returning a suspension ends this call; the host keeps the client's connection until somebody
    settles the key, or the deadline passes. Then it calls the `resume` function, perhaps in another
    instance, which gets nothing from this one but the state.
    """
    return suspend(Pending(key(number)), resume=approved, state=number, timeout=30)


def approved(resumed: Resumed) -> str | tuple[str, int]:
    """Answers the request that waited."""
    if resumed.timed_out:
        return f"nobody approved order {resumed.state}", 504
    return f"order {resumed.state}: {resumed.value.text}"


@route("POST", r"/NAME/orders/(?P<number>\d+)/approve")
def approve(request: Request, number: str) -> str | tuple[str, int]:
    """Settles what another request waits for: the one that has waited longest gets this text."""
    if set_next(key(number), request.body):
        return "approved"
    return "nobody waits for this order", 404


def key(number: str) -> str:
    """Returns the key of an order. All guests share the host's keys, so it begins with the guest's
    name."""
    return f"NAME/orders/{number}"
