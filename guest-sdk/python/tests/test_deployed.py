"""What a guest knows of its deployment and of its waits, over the toy host."""

import unittest

from test_http import Served

from snow import (
    ConfigError,
    MissingConfig,
    Pending,
    Response,
    Secret,
    config,
    deployment,
    route,
    set_next,
    suspend,
    testing,
)


def again(resumed):
    if resumed.timed_out:
        return f"after {resumed.waited} with {resumed.left} left", 504
    if resumed.state == 2:
        return f"{resumed.waited} {resumed.left}"
    return suspend(
        Pending("again"), resume=again, state=resumed.state + 1, timeout=600, keep_deadline=True
    )


class Configuration(Served):
    def test_values_are_found_by_name(self) -> None:
        values = {"greeting": "hello", "size": "7", "ratio": "x s3cret"}
        with testing.deployed(values, secrets={"token": "s3cret"}):
            self.assertEqual(config["greeting"], "hello")
            self.assertEqual(config.get("none", "default"), "default")
            self.assertEqual(dict(config), values)
            self.assertIn("token", config)
            self.assertNotIn("none", config)
            self.assertEqual((len(config), list(config)), (3, list(values)))
            self.assertEqual(config.parsed("size", int), 7)
            self.assertEqual(config.parsed("none", int, 20), 20)
            self.assertIsNone(config.parsed("none", int))
            with self.assertRaisesRegex(
                ConfigError, "^the value of `ratio` in .* be used$"
            ) as raised:
                config.parsed("ratio", float)
            self.assertTrue(raised.exception.__suppress_context__)
            with self.assertRaisesRegex(MissingConfig, r"value of 'none': .*\[guest.NAME.config\]"):
                _ = config["none"]
        self.assertEqual(dict(config), {})
        for name in (7, "\ud800"):
            with self.assertRaises((TypeError, ValueError)):
                _ = config[name]

    def test_a_secret_is_not_shown_by_accident(self) -> None:
        with testing.deployed(secrets={"token": "hunter2"}):
            secret = config.secret("token")
            self.assertIsNone(config.secret("none"))
        for shown in (str(secret), repr(secret), f"{secret}", f"{[secret]}", repr(config)):
            self.assertNotIn("hunter2", shown)
        self.assertEqual(secret.expose(), "hunter2")
        self.assertEqual(secret, Secret("hunter2"))
        self.assertNotEqual(secret, Secret("hunter3"))
        self.assertNotEqual(secret, "hunter2")
        with self.assertRaises(TypeError):
            hash(secret)


class Deployment(Served):
    def test_links_lead_to_where_clients_find_the_guest(self) -> None:
        @route("GET", "/links")
        def links(request):
            response = Response(f"{request.url_for('/a?b')} {request.path_for('/c')}")
            response.set_cookie("a", "b", path=deployment.cookie_path())
            return response

        for place, body, path in [
            ({}, "/a?b /c", "/"),
            ({"mount": "/shop"}, "/shop/a?b /shop/c", "/shop"),
            (
                {"mount": "/shop", "base_url": "https://a.example/shop"},
                "https://a.example/shop/a?b /shop/c",
                "/shop",
            ),
        ]:
            with testing.deployed(**place):
                answer = testing.call("GET", "/links")
            self.assertEqual(answer.text, body)
            self.assertEqual(answer.headers["set-cookie"], f"a=b; Path={path}")
        for path in ("a", "", "https://elsewhere.example"):
            with self.assertRaisesRegex(ValueError, 'begins with "/"'):
                deployment.path_for(path)


class Waits(Served):
    def setUp(self) -> None:
        super().setUp()

        @route("GET", "/again")
        def first():
            return suspend(Pending("again"), resume=again, state=0, timeout=10)

    def test_a_resumed_call_knows_how_long_it_waited(self) -> None:
        held = testing.call("GET", "/again")
        for left in (7, 4):
            set_next("again")
            held = held.go_on(after=3)
            self.assertEqual(held.timeout, left)
        set_next("again")
        self.assertEqual(held.go_on(after=3).text, "3.0 1.0")

    def test_it_has_one_deadline_in_all(self) -> None:
        held = testing.call("GET", "/again")
        set_next("again")
        held = held.go_on(after=9)
        self.assertEqual(held.go_on().text, "after 1.0 with 0.0 left")

    def test_the_first_wait_has_none_to_keep(self) -> None:
        @route("GET", "/first")
        def first():
            return suspend(Pending(), timeout=7, keep_deadline=True)

        self.assertEqual(testing.call("GET", "/first").timeout, 7)


if __name__ == "__main__":
    unittest.main()
