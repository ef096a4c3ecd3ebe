"""The guest of the measures `languages` and `held`, in Python.

| route | answer |
|---|---|
| `GET /python/hello` | `hello world` |
| `GET /python/rows` | a table of 100 rows as JSON, made for each request |
| `GET /python/hold` | what the key `requests` is settled with |
"""

from snow import Pending, Resumed, Suspension, route, suspend

ROWS = 100


@route("GET", "/python/hello")
def hello() -> str:
    return "hello world"


@route("GET", "/python/rows")
def rows() -> dict[str, list[dict[str, object]]]:
    return {
        "rows": [
            {"id": row, "name": f"item {row}", "price": row + 0.5, "tags": ["new", f"shelf {row % 7}"]}
            for row in range(ROWS)
        ]
    }


@route("GET", "/python/hold")
def hold() -> Suspension:
    return suspend(Pending("requests"), resume=released, timeout=600)


def released(resumed: Resumed) -> str:
    return resumed.value.text
