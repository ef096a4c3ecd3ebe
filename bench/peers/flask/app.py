"""gunicorn app:app: `/hello` and `/rows` in Flask."""

from __future__ import annotations

from flask import Flask, Response

app = Flask(__name__)


@app.get("/hello")
def hello() -> Response:
    return Response("hello world", mimetype="text/plain")


@app.get("/rows")
def rows() -> dict[str, list[dict[str, object]]]:
    """Answers with a table of 100 rows, made for each request."""
    return {
        "rows": [
            {"id": row, "name": f"item {row}", "price": row + 0.5, "tags": ["new", f"shelf {row % 7}"]}
            for row in range(100)
        ]
    }
