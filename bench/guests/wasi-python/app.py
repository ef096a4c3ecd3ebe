"""The routes of the measure `languages` for wasi:http 0.2.

| route | answer |
|---|---|
| `/hello` | `hello world` |
| `/rows` | a table of 100 rows as JSON, made for each request |
"""

import json

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam

ROWS = 100


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        match request.path_with_query():
            case "/hello":
                respond(response_out, 200, "text/plain", "hello world")
            case "/rows":
                respond(response_out, 200, "application/json", json.dumps(table()))
            case _:
                respond(response_out, 404, "text/plain", "not found")


def table() -> dict[str, list[dict[str, object]]]:
    return {
        "rows": [
            {"id": row, "name": f"item {row}", "price": row + 0.5, "tags": ["new", f"shelf {row % 7}"]}
            for row in range(ROWS)
        ]
    }


def respond(response_out: ResponseOutparam, status: int, kind: str, text: str) -> None:
    content = text.encode()
    headers = [("content-type", kind.encode()), ("content-length", str(len(content)).encode())]
    response = OutgoingResponse(Fields.from_list(headers))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    stream = body.write()
    # It takes so many bytes at a time.
    for start in range(0, len(content), 4096):
        stream.blocking_write_and_flush(content[start : start + 4096])
    # The stream goes before its body ends.
    stream.__exit__(None, None, None)
    OutgoingBody.finish(body, None)
