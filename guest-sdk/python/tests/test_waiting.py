"""Waiting in place and without an instance, over the toy host."""

import asyncio
import contextlib
import contextvars
import gc
import logging
import unittest

from test_http import Served

from snow import (
    Failed,
    Pending,
    Refused,
    Response,
    Resumed,
    _loop,
    _toy,
    route,
    set_all,
    set_next,
    set_result,
    suspend,
    testing,
    timer,
    wait_all,
    wait_any,
    waiting,
)
from snow._contract import milliseconds

TOKENS: list[str] = []


def answered(resumed):
    if resumed.timed_out:
        return "nobody came", 504
    return {"state": resumed.state, "value": resumed.value.text, "first": resumed.first}


def relayed(resumed):
    resumed.value.headers.add("x-relayed", "python")
    return resumed.value


def kept(resumed):
    return resumed.request.path


def again(resumed):
    if resumed.state == 2:
        return "twice"
    return suspend(*resumed.unsettled, resume=again, state=2)


async def later(resumed):
    await timer(0.001)
    return "later"


class Suspended(Served):
    def test_the_state_comes_along(self) -> None:
        @route("GET", r"/req")
        def req():
            return suspend(Pending("k"), resume=answered, state={"n": [1, None]})

        held = testing.call("GET", "/req")
        self.assertEqual((waiting("k"), set_next("k", "hi"), set_next("k")), (1, True, False))
        self.assertEqual(
            held.go_on().text, '{"state": {"n": [1, null]}, "value": "hi", "first": 0}'
        )

    def test_the_deadline(self) -> None:
        @route("GET", r"/req")
        def req():
            return suspend(Pending("late"), resume=answered, timeout=0.5)

        @route("GET", r"/alone")
        def alone():
            return suspend(Pending("late"), on_timeout="nobody came")

        @route("GET", r"/status")
        def status():
            return suspend(Pending("late"), on_timeout=("nobody came", 504))

        held = testing.call("GET", "/req")
        self.assertEqual(held.raw.timeout_ms, 500)
        self.assertEqual((held.go_on().status, held.go_on().text), (504, "nobody came"))
        self.assertEqual(testing.call("GET", "/alone").go_on().status, 200)
        self.assertEqual(testing.call("GET", "/status").go_on().status, 504)
        with self.assertRaisesRegex(LookupError, "timed_out"):
            _ = Resumed([], []).value
        set_all("late")

    def test_the_request_is_kept_if_asked_and_it_may_suspend_again(self) -> None:
        @route("GET", r"/kept")
        def keeps():
            return suspend(timer(0), resume=kept, keep_request=True)

        @route("GET", r"/again")
        def twice():
            return suspend(Pending("one"), Pending("two"), resume=again, until="any")

        @route("GET", r"/later")
        def coroutine():
            return suspend(timer(0), resume=later)

        self.assertEqual(testing.call("GET", "/kept").go_on().text, "/kept")
        self.assertEqual(testing.call("GET", "/later").go_on().text, "later")
        held = testing.call("GET", "/again")
        set_next("one")
        held = held.go_on()
        self.assertEqual(set_all("two"), 1)
        self.assertEqual(held.go_on().text, "twice")

    def test_a_response_that_came_is_returned_with_a_field_more(self) -> None:
        @route("GET", r"/relay")
        def relay():
            return suspend(Pending("relay"), resume=relayed)

        held = testing.call("GET", "/relay")
        set_next("relay", Response("a reply", 201, {"x-of": "python"}))
        found = held.go_on()
        self.assertEqual((found.status, found.text), (201, "a reply"))
        self.assertEqual((found.headers["x-of"], found.headers["x-relayed"]), ("python", "python"))

    def test_without_resume_the_host_answers(self) -> None:
        @route("GET", r"/hold")
        def hold():
            return suspend(Pending("h"))

        for value, answer in [
            (Response("made", 201), (201, "made")),
            ("text", (200, "text")),
            ({"a": 1}, (200, '{"a": 1}')),
            (Failed("down", "secret"), (502, "")),
        ]:
            held = testing.call("GET", "/hold")
            set_next("h", value)
            found = held.go_on()
            self.assertEqual((found.status, found.text), answer)

    def test_what_another_instance_can_not_find_is_refused(self) -> None:
        def inner(resumed):
            return ""

        pending = Pending("x")
        for function in (inner, lambda resumed: ""):
            with self.assertRaisesRegex(ValueError, "at the top of a module"):
                suspend(pending, resume=function).lower()
        with self.assertRaisesRegex(TypeError, "for a Pending, not for str"):
            suspend("x")
        with self.assertRaisesRegex(ValueError, "resumed.timed_out"):
            suspend(pending, resume=answered, on_timeout="late")
        with self.assertRaisesRegex(LookupError, "no function gone in test_waiting"):
            _routing_resume("test_waiting:gone")
        set_all("x")


def _routing_resume(name: str) -> None:
    from snow import _routing

    _routing.resume(_toy.Cause.SETTLED, None, f'["{name}", null]'.encode(), [])


class InPlace(Served):
    def run_async(self, coroutine):
        return _loop.run(coroutine)

    def test_a_coroutine_waits_for_several_at_once(self) -> None:
        async def handler():
            one, two = Pending("one"), timer(0.002)
            set_next("one", "1")
            found = await asyncio.gather(one, two, asyncio.sleep(0.001, "slept"))
            return [found[0].text, found[1].text, found[2]]

        self.assertEqual(self.run_async(handler()), ["1", "", "slept"])

    def test_one_wait_of_the_host_is_for_all(self) -> None:
        waits = []

        async def handler():
            await asyncio.gather(timer(0.01), timer(0.01), asyncio.sleep(0.01))

        real = _toy.pending_handles.wait

        def counting(handles, until, timeout_ms):
            waits.append(len(handles))
            return real(handles, until, timeout_ms)

        _toy.pending_handles.wait = counting
        try:
            self.run_async(handler())
        finally:
            _toy.pending_handles.wait = real
        self.assertEqual(waits[0], 2)
        self.assertLess(len(waits), 6)

    def test_time_limits(self) -> None:
        async def handler():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(Pending("none"), 0.001)
            try:
                await Pending("none").wait(0.001)
            except TimeoutError as error:
                return str(error)

        self.assertEqual(self.run_async(handler()), "nobody settled it within 0.001 seconds")
        with self.assertRaises(TimeoutError):
            Pending("none").result(0.001)
        set_all("none")

    def test_a_failure_is_raised_for_who_waits(self) -> None:
        async def handler(pending):
            await pending

        pending = Pending()
        set_result(pending.token, Failed("down", "the printer is on fire"))
        with self.assertRaisesRegex(Failed, "on fire"):
            self.run_async(handler(pending))
        with self.assertRaises(Failed):
            pending.result(0)
        with self.assertRaises(Refused) as raised:
            set_result(pending.token)
        self.assertEqual(raised.exception.code, "unknown")

    def test_what_nobody_can_settle_fails_at_its_line(self) -> None:
        async def never():
            await asyncio.Event().wait()

        async def deep():
            await asyncio.gather(never(), never())

        async def task():
            await asyncio.create_task(never())

        for handler in (never, deep, task):
            with self.assertRaisesRegex(RuntimeError, "this never ends"):
                self.run_async(handler())

        async def after():
            await asyncio.sleep(0)
            return "the loop is usable"

        self.assertEqual(self.run_async(after()), "the loop is usable")

    def test_tasks_end_with_the_handler(self) -> None:
        ended = []

        async def background():
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(True)

        async def handler():
            self.task = asyncio.create_task(background())
            await asyncio.sleep(0)
            return "answer"

        self.assertEqual(self.run_async(handler()), "answer")
        self.assertEqual(ended, [True])

    def test_a_task_that_waits_for_nothing_ends_with_the_handler(self) -> None:
        event, ended = asyncio.Event(), []

        async def background():
            try:
                await event.wait()
                ended.append("went on")
            finally:
                ended.append("ended")

        async def handler():
            self.task = asyncio.create_task(background())
            await asyncio.sleep(0)

        async def next_one():
            event.set()
            await asyncio.sleep(0)

        self.run_async(handler())
        self.run_async(next_one())
        self.assertEqual(ended, ["ended"])

    def test_what_ends_programs_ends_the_call_alone(self) -> None:
        class Own(BaseException):
            pass

        ended, tasks = [], []
        # asyncio tells of tasks that nobody has asked what they raised.
        logging.disable()
        self.addCleanup(logging.disable, logging.NOTSET)
        self.addCleanup(gc.collect)

        async def background(error):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(error)
                if error is not None:
                    raise error

        async def handler(error, later):
            tasks.append(asyncio.create_task(background(later)))
            await asyncio.sleep(0)
            raise error

        async def at_once():
            raise SystemExit(3)

        async def after():
            await asyncio.sleep(0)
            return len(asyncio.all_tasks())

        for error in (SystemExit(1), KeyboardInterrupt(), Own()):
            for later in (None, SystemExit(2)):
                with self.assertRaises((SystemExit, type(error))):
                    self.run_async(handler(error, later))
                self.assertEqual(self.run_async(after()), 1, error)
        self.assertEqual(len(ended), 6)
        with self.assertRaises(SystemExit):
            self.run_async(at_once())
        self.assertEqual(self.run_async(after()), 1)

    def test_context_variables_end_with_the_call(self) -> None:
        user = contextvars.ContextVar("user", default="nobody")

        @route("GET", r"/set")
        def sets():
            user.set("ann")
            return user.get()

        @route("GET", r"/get")
        async def gets():
            return user.get()

        self.assertEqual(testing.call("GET", "/set").text, "ann")
        self.assertEqual(testing.call("GET", "/get").text, "nobody")

    def test_a_wait_without_a_timeout_goes_on_when_the_host_ends_it(self) -> None:
        one, two = Pending("one"), Pending("two")
        times, real = [], _toy.pending_handles.wait

        def impatient(handles, until, timeout_ms):
            times.append(timeout_ms)
            # The host's longest time passes, and somebody comes meanwhile.
            if len(times) in (2, 4):
                set_next("one" if len(times) == 2 else "two", "came")
            return real(handles, until, 0)

        _toy.pending_handles.wait = impatient
        self.addCleanup(setattr, _toy.pending_handles, "wait", real)
        self.assertEqual(one.result(timeout=None).text, "came")
        self.assertEqual(times, [0xFFFF_FFFF] * 2)
        self.assertEqual(len(wait_all([one, two], None)), 2)
        self.assertEqual(len(times), 4)
        self.assertEqual(wait_any([one], None), (0, one.result()))
        for timeout in (None, 0.001):
            with self.assertRaisesRegex(ValueError, "wait_any was given no Pending"):
                wait_any([], timeout)

    def test_a_task_that_does_not_end_is_dropped(self) -> None:
        self.addCleanup(setattr, _loop, "_ENDING_SECONDS", _loop._ENDING_SECONDS)
        _loop._ENDING_SECONDS = 0.01
        is_over = []

        async def forever():
            while not is_over:
                try:
                    await asyncio.sleep(0.001)
                except BaseException:
                    pass

        async def handler(error):
            self.task = asyncio.create_task(forever())
            await asyncio.sleep(0)
            if error is not None:
                raise error
            return "answer"

        async def after():
            await asyncio.sleep(0)
            return len(asyncio.all_tasks())

        with self.assertLogs("snow", "WARNING") as log:
            self.assertEqual(self.run_async(handler(None)), "answer")
        self.assertRegex(log.output[0], r"dropped after .*forever \(.*test_waiting.py, line \d+\)")
        self.assertEqual(self.run_async(after()), 1)
        with self.assertLogs("snow", "WARNING"), self.assertRaises(ValueError):
            self.run_async(handler(ValueError()))
        self.task = None
        gc.collect()
        self.assertEqual(len(_loop._dropped), 2, "nothing has closed them")
        is_over.append(True)
        logging.disable()
        self.addCleanup(logging.disable, logging.NOTSET)
        _loop._dropped.clear()
        gc.collect()

    def test_threads_are_calls(self) -> None:
        async def handler():
            return await asyncio.to_thread(max, 1, 2)

        self.assertEqual(self.run_async(handler()), 2)

    def test_waits_without_async(self) -> None:
        one, two = Pending("one"), timer(0.001)
        set_next("one", "1")
        at, settled = wait_any([two, one])
        self.assertEqual((at, settled.text), (1, "1"))
        self.assertEqual([settled.text for settled in wait_all([one, two])], ["1", ""])
        self.assertEqual(wait_all([Pending("none")], 0.001), [None])
        set_all("none")

    def test_no_wait_is_shorter_than_asked(self) -> None:
        found = [milliseconds(time) for time in (0, 0.0001, 0.3, 1, -1, 1e12)]
        self.assertEqual(found, [0, 1, 300, 1000, 0, 0xFFFF_FFFF])


if __name__ == "__main__":
    unittest.main()
