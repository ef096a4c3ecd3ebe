"""What every language's example answers, in Python: a plain file, nothing to build.

| route | answer |
|---|---|
| `GET /python/hello` | `hello from python` |
| `POST /python/echo` | the content that was sent, under its own `content-type` |
| `GET /python/req` | waits until somebody stops it, and says with what; after 30 seconds 504 |
| `GET /python/stop?value=hi` | stops the one that has waited longest, of whatever language |
| `GET /python/random` | a random number |
| `GET /python/now` | the time (RFC 3339) |
| `GET /python/get?url=…` | the answer of another server, as it comes |
| `GET /python/count` | how often this was asked, which the store keeps |
| `GET /python/fib?n=20` | a Fibonacci number, which a job computes |
"""

import random
from datetime import UTC, datetime

from snow import (
    Bucket,
    HTTPError,
    Job,
    Pending,
    Request,
    Response,
    Resumed,
    Suspension,
    fetch,
    job,
    jobs,
    route,
    set_next,
    suspend,
)

# The key under which the examples of all languages wait. Keys belong to the host.
REQUESTS = "requests-any"

# The bucket that has the guest's name.
STORE = Bucket()


@route("GET", r"/python/hello")
def hello() -> str:
    return "hello from python"


@route("POST", r"/python/echo")
def echo(request: Request) -> Response:
    kind = request.headers.get("content-type", "application/octet-stream")
    return Response(request.body, content_type=kind)


@route("GET", r"/python/req")
def req() -> Suspension:
    # The call ends here, and only the client's connection stays.
    return suspend(Pending(REQUESTS), resume=stopped)


def stopped(resumed: Resumed) -> Response:
    if resumed.timed_out:
        return Response("nobody came", 504)
    return Response(resumed.value.text)


@route("GET", r"/python/stop")
def stop(request: Request) -> str | tuple[str, int]:
    if set_next(REQUESTS, request.query.get("value", "done")):
        return "stop"
    return "nobody is waiting", 409


@route("GET", r"/python/random")
def number() -> str:
    return str(random.random())


@route("GET", r"/python/now")
def now() -> str:
    return datetime.now(UTC).isoformat()


@route("GET", r"/python/count")
def count() -> str:
    return str(STORE.increment("count"))


@route("GET", r"/python/get")
def get(request: Request) -> Suspension:
    # Without `resume` the host sends the answer to the client, and a failure is a 502.
    return suspend(fetch(request.query.get("url", "")))


@route("GET", r"/python/fib")
def fib(request: Request) -> Suspension:
    n = request.query_as("n", int, 20)
    if not 0 <= n <= 25:
        raise HTTPError(400, "n is from 0 to 25")
    # Nothing of this call waits for it. Without `resume`, what the job returns is the answer.
    return suspend(jobs.start(compute, n))


@job
def compute(job: Job) -> str:
    return str(fibonacci(job.json()))


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
