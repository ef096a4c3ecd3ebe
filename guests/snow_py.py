"""The first example of Snow, the web framework: handlers that yield what they wait for.

In one terminal `curl localhost:8080/snow_py/req/`: it hangs. In another
`curl localhost:8080/snow_py/stop/`: the first one prints `done`.

What differs from Snow: the list is a `Waiting`, because requests and instances come and go, and
what waits is the host's.
"""

from snow.classic import Future, HttpResponse, Snow, TimeoutFuture, Waiting

request_list = Waiting("snow_py/requests")


def index(request):
    return HttpResponse("OK")


def async_(request):
    yield TimeoutFuture(float(request.query.get("seconds", "5")), callback=over)


def over(request, future):
    return HttpResponse("over")


def req(request):
    future = Future(callback=callback, timeout=30)
    request_list.append(future)
    yield future


def callback(request, future):
    if future.timed_out:
        return HttpResponse("nobody came", 504)
    return HttpResponse(future.value)


def stop(request):
    if len(request_list) == 0:
        return HttpResponse("nobody is waiting", 409)
    future = request_list.pop(0)
    future.set_result(request.query.get("value", "done"))
    return HttpResponse("stop")


routes = [
    (r"/snow_py/index/", index),
    (r"/snow_py/async/", async_),
    (r"/snow_py/req/", req),
    (r"/snow_py/stop/", stop),
]

app = Snow(routes)
app.run(port=8001)
