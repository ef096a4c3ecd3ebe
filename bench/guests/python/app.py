"""`/python` answers with the version of the interpreter.

All of CPython is in the component: 18 MB to compile.
"""

import sys

from wit_world import exports
from wit_world.exports.handler import Route
from wit_world.imports.http import Request, Response
from wit_world.imports.pending_handles import Outcome, Outcome_Respond

ANSWER = f"Python {sys.version_info.major}".encode()


class Handler(exports.Handler):
    def routes(self) -> list[Route]:
        return [Route(["GET"], "/python")]

    def handle(self, route: int, request: Request) -> Outcome:
        return Outcome_Respond(Response(200, [], ANSWER))
