/**
 * Below the floor: an HTTP server that answers with the body it got.
 *
 * usage: node http-echo.ts PORT
 */
import { createServer } from "node:http";

createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (chunk: Buffer) => parts.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(parts);
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
