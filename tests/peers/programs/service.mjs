// The peers' service for Node's http. What each path answers is said in services.py.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

const block = Buffer.alloc(251 * 256, Buffer.from([...Array(251).keys()]));
const gates = new Map();

function gate(id) {
  if (!gates.has(id)) {
    const made = {};
    made.open = new Promise(done => { made.release = done; });
    gates.set(id, made);
  }
  return gates.get(id);
}

function* pattern(size) {
  for (let start = 0; start < size; start += block.length) yield block.subarray(0, size - start);
}

async function echo(request, response) {
  const digest = createHash('sha256');
  let size = 0;
  for await (const data of request) { digest.update(data); size += data.length; }
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push(request.rawHeaders.slice(i, i + 2));
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({method: request.method, target: request.url, headers, size, sha256: digest.digest('hex')}));
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://service');
  const [, word, size] = pathname.split('/');
  const end = (status, headers, body) => response.writeHead(status, headers).end(body);
  switch (word) {
    case 'hello':
      if (request.headers['if-none-match'] === '"v1"') return end(304, {ETag: '"v1"'});
      return end(200, {ETag: '"v1"', 'Content-Length': 6, 'Content-Type': 'text/plain'}, 'hello\n');
    case 'bytes': response.setHeader('Content-Length', size); // falls through
    case 'chunks': return Readable.from(pattern(Number(size))).pipe(response);
    case 'nothing': return end(204);
    case 'moved': return end(302, {Location: '/hello', 'Content-Length': 0});
    case 'cookies': return end(200, {'Set-Cookie': ['a=1', 'b=2; Path=/'], 'Content-Length': 0});
    case 'gzip': return end(200, {'Content-Encoding': 'gzip'}, gzipSync('zipped\n'.repeat(1000)));
    case 'early': return end(413, {'Content-Length': 6, Connection: 'close'}, 'enough');
    case 'events':
      response.writeHead(200, {'Content-Type': 'text/event-stream'});
      response.write('data: first\n\n');
      await gate(searchParams.get('id')).open;
      return response.end('data: second\n\n');
    case 'release':
      gate(searchParams.get('id')).release();
      return end(204);
    case 'hints':
      response.writeEarlyHints({link: '</style.css>; rel=preload; as=style'});
      return end(200, {'Content-Length': 0});
    default: return echo(request, response);
  }
});
server.on('upgrade', (request, socket, head) => { // a protocol of our own: what comes goes back in upper case
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\nX-Seen: '
    + `${request.headers['x-auth-subject']}\r\n\r\n`);
  socket.on('data', data => socket.write(data.toString().toUpperCase()));
  socket.on('end', () => socket.end('BYE'));
  socket.on('error', () => socket.destroy());
  if (head.length) socket.write(head.toString().toUpperCase());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
