//! Frameworks: the models of Snow and Tornado, and Flask as it is.

use std::process::Command;

use crate::harness::eventually;

use super::{examples, says, serve, stage, worked};

/// A Flask of this version, what it needs, and a little application in it, from PyPI.
const FLASK: [&str; 8] = [
    "acchi-muite-hoi==0.1.0",
    "flask==3.1.3",
    "werkzeug==3.1.9",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "click==8.5.1",
    "itsdangerous==2.2.0",
    "blinker==1.9.0",
];

#[test]
fn snows_example_waits_in_the_host() {
    let Some(server) = examples(&[]).map(|stage| stage.serve(2)) else { return };
    assert_eq!(says(&server, "/snow_py/index/"), "OK");
    assert_eq!(says(&server, "/snow_py/async/?seconds=0.1"), "over");
    let mut waits = server.ask("/snow_py/req/");
    let stopped = eventually("it waits", || {
        let answer = server.get("/snow_py/stop/?value=hi");
        (answer.status == 200).then(|| answer.text().to_owned())
    });
    assert_eq!((&*stopped, waits.response().text()), ("stop", "hi"));
    assert_eq!(server.get("/snow_py/stop/").status, 409);
}

#[test]
fn tornados_example_waits_for_another_request() {
    let Some(server) = examples(&[]).map(|stage| stage.serve(2)) else { return };
    assert_eq!(says(&server, "/tornado_py/story/42"), r#"{"story": "42", "title": "untitled"}"#);
    let mut main = server.ask("/tornado_py/main");
    while main.nothing_yet() {
        assert_eq!(says(&server, "/tornado_py/index"), "Index");
    }
    assert_eq!(main.response().text(), "Main");
    assert_eq!(says(&server, "/tornado_py/sleep"), "slept");
}

/// What nobody here wrote: Flask from PyPI, unpacked beside an application.
#[test]
fn a_flask_application_is_served_unchanged() {
    const APP: &str = r#"
from flask import Flask, abort, jsonify, render_template, request, session
import acchi_muite_hoi
import snow
app = Flask(__name__)
app.secret_key = "dev"
@app.route("/")
def index():
    return render_template("index.html", name=request.args.get("name", "<World>"))
@app.route("/user/<name>", methods=["GET", "POST"])
def user(name):
    seen = session.get("seen")
    session["seen"] = name
    return jsonify(name=name, seen=seen, json=request.get_json(silent=True))
@app.route("/gone")
def gone():
    abort(410)
@app.route("/broken")
def broken():
    return 1 / 0
snow.wsgi(acchi_muite_hoi.create_app(), "/game")
snow.wsgi(app)
"#;
    let files = [("shop.py", APP), ("shop/templates/index.html", "<p>Hello {{ name }}</p>")];
    let Some(stage) = stage(&files) else { return };
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]);
    pip.arg("--target").arg(stage.folder.path().join("shop")).args(FLASK);
    if !worked("Flask", &pip.output().expect("there is a python3")) {
        return;
    }
    let server = stage.serve(1);
    assert_eq!(says(&server, "/?name=%3Cb%3E"), "<p>Hello &lt;b&gt;</p>");
    let mut client = server.connect();
    let first = client.get("/user/ann");
    let cookie = first.field("set-cookie").expect("a session").split(';').next().expect("a part");
    assert_eq!(
        first.text().split_whitespace().collect::<String>(),
        r#"{"json":null,"name":"ann","seen":null}"#
    );
    client.send(format!("GET /user/bob HTTP/1.1\r\nhost: a\r\ncookie: {cookie}\r\n\r\n"));
    assert!(client.response().text().contains(r#""seen":"ann""#));
    // The game is somebody else's application, and draws a direction.
    let played = client.get("/game/play/up");
    assert!(played.text().contains(r#""user_choice":"up""#), "{}", played.text());
    assert_eq!(client.get("/gone").status, 410);
    assert_eq!(client.get("/none").status, 404);
    assert_eq!(client.get("/broken").status, 500);
    server.log.until(&["ZeroDivisionError"]);
    client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    let head = client.response_to_head();
    assert_eq!((head.status, head.field("content-length")), (200, Some("26")));
}

/// A future is a global variable of one instance, which serves both clients.
#[test]
fn tornados_futures_have_nothing_of_another_request() {
    const GUEST: &str = r#"
from snow import tornado
future = tornado.concurrent.Future("news")
seen = []
class Waits(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        yield future
        self.write(future.result())
class Looks(tornado.web.RequestHandler):
    def get(self):
        future.add_done_callback(lambda done: seen.append(done.result()))
        self.write(f"{future.result()} {seen}")
class Sets(tornado.web.RequestHandler):
    def get(self):
        future.set_result(self.get_argument("value"))
tornado.web.Application([("/waits", Waits), ("/looks", Looks), ("/sets", Sets)]).listen()
"#;
    let settings = "[guest.shop]\ninstances = { reuse = 10000 }\n";
    let Some(server) = serve(&[("shop.py", GUEST), ("snow.toml", settings)]) else { return };
    for value in ["one", "two"] {
        assert_eq!(says(&server, "/looks"), "None []");
        let mut waits = server.ask("/waits");
        while waits.nothing_yet() {
            server.get(&format!("/sets?value={value}"));
        }
        assert_eq!(waits.response().text(), value);
        // Both instances, that of the request that waited too.
        for _ in 0..4 {
            assert_eq!(says(&server, "/looks"), "None []");
        }
    }
}

/// `x_user` would be `HTTP_X_USER` too, and fields of the connection would be a 500.
#[test]
fn a_wsgi_applications_fields_are_its_own() {
    const GUEST: &str = r#"
import snow
def application(environ, start_response):
    fields = ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "X-A"]
    start_response("200 OK", [(name, "close") for name in fields])
    return [environ.get("HTTP_X_USER", "nobody").encode()]
snow.wsgi(application)
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    let mut client = server.connect();
    for (fields, user) in [("x_user: admin\r\n", "nobody"), ("x_user: b\r\nx-user: ann\r\n", "ann")]
    {
        client.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"));
        let answer = client.response();
        assert_eq!((answer.status, answer.text()), (200, user));
        assert_eq!((answer.field("x-a"), answer.field("upgrade")), (Some("close"), None));
    }
}
