"""Jobs, which the tests run."""

from __future__ import annotations

import asyncio
import unittest
from datetime import UTC, datetime
from typing import Any

from test_http import Served

from snow import (
    Failed,
    HTTPError,
    Job,
    JobError,
    Response,
    _toy_jobs,
    job,
    jobs,
    route,
    suspend,
    testing,
)


def add(job: Job) -> Any:
    first, second = job.json()
    return {"sum": first + second}


async def later(job: Job) -> str:
    await asyncio.sleep(0)
    return job.text.upper()


def sweep() -> None:
    pass


def mail(job: Job) -> None:
    if job.is_last_attempt:
        raise Failed.give_up(f"{job.attempt} times")
    raise Failed("later", "not now")


def broken(job: Job) -> str:
    return 1 // len(job.payload) * "x"


def forbidden() -> None:
    raise HTTPError(403, "no")


def response() -> Response:
    return Response("x")


class Jobs(Served):
    def setUp(self) -> None:
        super().setUp()
        jobs.table.clear()
        _toy_jobs._taken.clear()
        for function in (add, later, sweep, mail, broken, forbidden, response):
            job(function)

    def test_a_job_is_started_and_waited_for(self) -> None:
        @route("GET", "/add")
        def held() -> Any:
            return suspend(jobs.start(add, [1, 2]))

        @route("GET", "/later")
        async def awaited() -> str:
            return (await jobs.start("later", "ö")).text

        request = testing.call("GET", "/add")
        assert isinstance(request, testing.Held)
        [started] = testing.jobs()
        self.assertEqual((started.name, started.payload.json()), ("add", [1, 2]))
        self.assertEqual((started.delay, started.attempts_max), (None, 1))
        started.run()
        self.assertEqual(request.go_on().body, b'{"sum": 3}')
        self.assertEqual(testing.jobs(), [])
        with testing.running_jobs():
            self.assertEqual(self.text("GET", "/later"), "Ö")

    def test_a_job_is_kept(self) -> None:
        first = jobs.enqueue(mail, delay=1.5, attempts=2)
        second = jobs.enqueue("sweep", b"x")
        kept = testing.jobs()
        self.assertEqual([one.id for one in kept], [first, second])
        self.assertEqual((kept[0].delay, kept[0].attempts_max, kept[0].payload), (1.5, 2, b""))
        self.assertEqual((kept[1].delay, kept[1].attempts_max), (0, 20))
        came = [kept[0].run(attempt) for attempt in (1, 2)]
        self.assertEqual([str(one) for one in came], ["not now", "2 times"])
        assert isinstance(came[1], Failed)
        self.assertEqual(came[1].code, "give-up")

    def test_what_a_job_gets_and_returns(self) -> None:
        raw = _toy_jobs.Job("a1", "look", b"\xff", 2, 3, 1_700_000_000_500)
        seen: list[Job] = []
        job("look")(seen.append)
        self.assertEqual(jobs.run(raw), b"")
        due = datetime.fromtimestamp(1_700_000_000.5, UTC)
        self.assertEqual(seen, [Job("a1", "look", b"\xff", 2, 3, due)])
        self.assertEqual((seen[0].text, seen[0].is_last_attempt), ("\ufffd", False))
        self.assertEqual(testing.run_job("sweep"), b"")
        self.assertEqual(testing.run_job(add, [2, 3]).json(), {"sum": 5})
        self.assertEqual(testing.run_job(later, "a"), b"A")

    def test_a_failure_has_a_code(self) -> None:
        for name, code, message in [
            ("forbidden", "failed", "no"),
            ("none", "unknown-job", 'there is no job "none"'),
            ("mail", "give-up", "1 times"),
        ]:
            with self.assertRaises(Failed) as raised:
                testing.run_job(name)
            self.assertEqual((raised.exception.code, raised.exception.message), (code, message))
        with self.assertRaises(ZeroDivisionError):
            testing.run_job(broken)
        with self.assertRaisesRegex(TypeError, "a job has no client") as wrong:
            testing.run_job(response)
        self.assertIn("response (", wrong.exception.__notes__[0])

    def test_what_is_wrong_is_named(self) -> None:
        with self.assertRaisesRegex(ValueError, r"two jobs sweep: sweep \("):
            job("sweep")(lambda: None)
        with self.assertRaisesRegex(TypeError, "takes 2 arguments: a job takes the Job"):
            job("two")(lambda first, second: None)
        with self.assertRaisesRegex(TypeError, "before a function, not before int"):
            job(7)  # type: ignore[call-overload]
        with self.assertRaisesRegex(ValueError, "is no job"):
            jobs.start(len)
        with self.assertRaisesRegex(ValueError, "attempts is 0"):
            jobs.enqueue("sweep", attempts=0)
        with self.assertRaisesRegex(TypeError, "a number of seconds"):
            jobs.enqueue("sweep", delay="1")  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "the name of a job is str"):
            jobs.start(None)  # type: ignore[arg-type]

    def test_the_host_may_refuse(self) -> None:
        jobs.table.clear()
        for call in (jobs.start, jobs.enqueue):
            with self.assertRaisesRegex(JobError, "this guest has no jobs") as raised:
                call("add")
            self.assertEqual(raised.exception.code, "no-runner")
        for raw, code in [
            (_toy_jobs.JobError_Denied(), "denied"),
            (_toy_jobs.JobError_Limit("jobs_queued_max"), "limit"),
            (_toy_jobs.JobError_Unavailable("the disk"), "unavailable"),
        ]:
            self.assertEqual(jobs._error(raw).code, code)
        self.assertIn("the disk", str(jobs._error(raw)))


if __name__ == "__main__":
    unittest.main()
