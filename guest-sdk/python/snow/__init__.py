"""Write guests for snow-host in Python: handlers whose requests can wait.

A guest is a file in the guests folder. It says which paths it serves:

    from snow import route

    @route("GET", r"/hello/(?P<name>\\w+)")
    def hello(name: str) -> str:
        return f"hello {name}"

A handler returns text, bytes, a dict or a list (sent as JSON), a `Response`, a tuple of a body and
a status, or `suspend(...)`. It may be `async`.
"""

from snow import deployment, jobs, sql
from snow._config import Config, ConfigError, MissingConfig, Secret, config
from snow._errors import BadForm, BadToken, BadValue, FormTooLarge, HTTPError, MissingField
from snow._fetch import fetch
from snow._form import File, Form
from snow._headers import Headers
from snow._http import Request, Response
from snow._pending import (
    Failed,
    Pending,
    Refused,
    Settled,
    Value,
    set_all,
    set_next,
    set_result,
    timer,
    wait_all,
    wait_any,
    waiting,
)
from snow._routing import Answer, route
from snow._session import Session, Sessions
from snow._signed import SignatureError, SigningKeys
from snow._store import (
    ABSENT,
    Bucket,
    Conflict,
    Denied,
    Entry,
    LimitReached,
    NotAnInteger,
    StoreError,
    Unavailable,
)
from snow._suspension import Resumed, Suspension, suspend
from snow._wsgi import wsgi
from snow.jobs import Job, JobError, job
from snow.sql import Database, Rows, SqlError, Statement

__all__ = [
    "ABSENT",
    "Answer",
    "BadForm",
    "BadToken",
    "BadValue",
    "Bucket",
    "Config",
    "ConfigError",
    "Conflict",
    "Database",
    "Denied",
    "Entry",
    "Failed",
    "File",
    "Form",
    "FormTooLarge",
    "HTTPError",
    "Headers",
    "Job",
    "JobError",
    "LimitReached",
    "MissingConfig",
    "MissingField",
    "NotAnInteger",
    "Pending",
    "Refused",
    "Request",
    "Response",
    "Resumed",
    "Rows",
    "Secret",
    "Session",
    "Sessions",
    "Settled",
    "SignatureError",
    "SigningKeys",
    "SqlError",
    "Statement",
    "StoreError",
    "Suspension",
    "Unavailable",
    "Value",
    "config",
    "deployment",
    "fetch",
    "job",
    "jobs",
    "route",
    "set_all",
    "set_next",
    "set_result",
    "sql",
    "suspend",
    "timer",
    "wait_all",
    "wait_any",
    "waiting",
    "wsgi",
]
