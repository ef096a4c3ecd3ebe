// node server.js PORT: the routes of native-mio, /rows, /stop/?value=… and /sleep/?seconds=…, with
// nothing but Node's http module.

const http = require("node:http");

let held = new Set();

function text(response, body, status = 200) {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

// A table of 100 rows, made for each request.
function rows(response) {
  const table = [];
  for (let id = 0; id < 100; id += 1) {
    table.push({ id, name: `item ${id}`, price: id + 0.5, tags: ["new", `shelf ${id % 7}`] });
  }
  const body = JSON.stringify({ rows: table });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function hold(response) {
  held.add(response);
  response.on("close", () => held.delete(response));
}

function releaseAll() {
  const released = held;
  held = new Set();
  for (const response of released) text(response, "done");
  return released.size;
}

// Answers the request that has waited longest: a set keeps the order.
function releaseNext(value) {
  for (const response of held) {
    held.delete(response);
    text(response, value);
    return true;
  }
  return false;
}

const server = http.createServer((request, response) => {
  const [path, query] = request.url.split("?");
  switch (path) {
    case "/hello":
      return text(response, "hello world");
    case "/rows":
      return rows(response);
    case "/hold/":
      return hold(response);
    case "/stop-all/":
      return text(response, String(releaseAll()));
    case "/waiting/":
      return text(response, String(held.size));
    case "/stop/":
      if (releaseNext(new URLSearchParams(query).get("value"))) return text(response, "stop");
      return text(response, "nobody is waiting", 409);
    case "/sleep/":
      setTimeout(text, Number(new URLSearchParams(query).get("seconds")) * 1000, response, "done");
      return;
    default:
      return text(response, "not found", 404);
  }
});

// By default a request may take five minutes, and a request may wait longer here.
server.requestTimeout = 0;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
