import { createServer } from 'node:http';

/** The program of the `web` image: answers quickly, and on SIGTERM finishes what it has before it goes. */
const { HOST = '127.0.0.1', PORT = '8080', POD_NAME = 'web' } = process.env;
const idleMs = 2000;
let leaving = false;

const server = createServer((request, response) => {
  if (leaving) response.setHeader('connection', 'close');
  if (request.url === '/ready') {
    response.end('ok');
    return;
  }
  setTimeout(() => response.end(`${POD_NAME}\n`), 1 + Math.random() * 4);
});
// Longer than any client keeps an idle connection: the server must never be the one that hangs up first.
server.keepAliveTimeout = 60_000;
server.listen(Number(PORT), HOST);

process.on('SIGTERM', () => {
  leaving = true;
  // Kept-alive clients learn from their next answer that they must go elsewhere; those that send nothing are cut at the end.
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, idleMs);
});

process.stdin.on('end', () => process.exit(0)).resume();
