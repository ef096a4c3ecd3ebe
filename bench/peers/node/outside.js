// node outside.js PORT: requests to other servers with nothing but Node's http module.
// GET /gather?url=…&url=… asks all at once; GET /proxy?url=… passes an answer on.

const http = require("node:http");

const agent = new http.Agent({ keepAlive: true });

function ask(url) {
  return new Promise((resolve) => {
    const began = Date.now();
    const end = (found) => resolve({ url, ms: Date.now() - began, status: null, bytes: null, error: null, ...found });
    const asked = http.get(url, { agent }, (answer) => {
      let bytes = 0;
      answer.on("data", (piece) => (bytes += piece.length));
      answer.on("end", () => end({ status: answer.statusCode, bytes }));
      answer.on("error", (error) => end({ error: error.code }));
    });
    asked.on("error", (error) => end({ error: error.code }));
  });
}

async function gather(response, urls) {
  const body = JSON.stringify(await Promise.all(urls.map(ask)));
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function proxy(response, url) {
  const asked = http.get(url, { agent }, (answer) => {
    const { connection, "keep-alive": _, ...fields } = answer.headers;
    response.writeHead(answer.statusCode, fields);
    answer.pipe(response);
  });
  asked.on("error", () => response.writeHead(502).end());
}

const server = http.createServer((request, response) => {
  const [path, query] = request.url.split("?");
  const urls = new URLSearchParams(query).getAll("url");
  switch (path) {
    case "/hello":
      return response.end("hello world");
    case "/gather":
      return gather(response, urls);
    case "/proxy":
      return proxy(response, urls[0]);
    default:
      return response.writeHead(404).end();
  }
});

server.requestTimeout = 0;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
