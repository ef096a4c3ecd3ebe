// node server.js PORT: the routes of native-mio, with Node's own http module and nothing else.

const http = require("node:http");

let held = [];

function text(response, body, status = 200) {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function hold(response) {
  held.push(response);
  response.on("close", () => {
    // One that was answered is no longer in the list, which is then another one.
    if (!response.writableFinished) held = held.filter((other) => other !== response);
  });
}

function releaseAll() {
  const released = held;
  held = [];
  for (const response of released) text(response, "done");
  return released.length;
}

const server = http.createServer((request, response) => {
  switch (request.url) {
    case "/hello":
      return text(response, "hello world");
    case "/hold/":
      return hold(response);
    case "/stop-all/":
      return text(response, String(releaseAll()));
    case "/waiting/":
      return text(response, String(held.length));
    default:
      return text(response, "not found", 404);
  }
});

// A request may wait longer than the five minutes that are the default.
server.requestTimeout = 0;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
