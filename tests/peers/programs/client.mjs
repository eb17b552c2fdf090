// Node as a client, `node client.mjs fetch|http BASE`: a request a line in, an answer a line out (see clients.py).
import { createHash } from 'node:crypto';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

const [kind, base] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const period = Buffer.alloc(251 * 256, Buffer.from([...Array(251).keys()]));

function* pattern(size) {
  for (let start = 0; start < size; start += period.length) yield period.subarray(0, size - start);
}

async function answer(status, headers, body) {
  const digest = createHash('sha256'), kept = [];
  let size = 0;
  for await (const data of body ?? []) {
    digest.update(data);
    if ((size += data.length) <= 65536) kept.push(data);
  }
  const small = size <= 65536 ? Buffer.concat(kept).toString('base64') : '';
  return [status, size, digest.digest('hex'), small, Buffer.from(headers).toString('base64')].join('\t');
}

async function withFetch({method, url, headers, size, chunked, follow}) {
  const body = size === null ? undefined : chunked ? Readable.toWeb(Readable.from(pattern(size))) : Buffer.concat([...pattern(size)]);
  const response = await fetch(url, {method, headers, body, duplex: 'half', redirect: follow ? 'follow' : 'manual'});
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}\n`).join('');
  return answer(response.status, head, response.body);
}

function withHttp({method, url, headers, size, chunked, follow}) {
  return new Promise((done, failed) => {
    if (size !== null && !chunked) headers['Content-Length'] = size;
    if (chunked) headers['Transfer-Encoding'] = 'chunked';
    const request = http.request(url, {method, headers, agent});
    const send = () => size === null ? request.end() : Readable.from(pattern(size)).pipe(request);
    let answered = false;
    request.on('response', response => {
      answered = true;
      if (follow && response.headers.location) {
        response.resume();
        return done(withHttp({method, url: new URL(response.headers.location, url), headers, size, chunked}));
      }
      let head = '';
      for (let i = 0; i < response.rawHeaders.length; i += 2) head += `${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}\n`;
      done(answer(response.statusCode, head, response));
    });
    request.on('error', error => answered || failed(error));
    if (headers.Expect) { request.on('continue', send); request.flushHeaders(); } else send();
  });
}

for await (const line of createInterface({input: process.stdin})) {
  const [method, path, size, framing, redirect, fields] = line.split('\t');
  const headers = Object.fromEntries(fields.split('|').filter(Boolean).map(field => field.split(/: (.*)/s).slice(0, 2)));
  const request = {method, url: base + path, headers, size: size === '-' ? null : Number(size), chunked: framing === 'chunked',
    follow: redirect === 'follow'};
  try {
    console.log(await (kind === 'fetch' ? withFetch : withHttp)(request));
  } catch (error) {
    console.log(`failed\t${error}: ${error.cause ?? ''}`.replaceAll('\n', ' '));
  }
}
