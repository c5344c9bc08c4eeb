// Says a word for each thing that it found as it must be, and `ok` at the end.
const assert = require('node:assert');
const crypto = require('node:crypto');
const http = require('node:http');
const { once } = require('node:events');
const { buffer, text } = require('node:stream/consumers');

const [host, sum] = process.argv.slice(-2);
const [hostname, port] = host.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
setTimeout(() => { throw new Error('it takes for ever'); }, 60000).unref();

function ask(path, options = {}) {
  return http.request({ hostname, port, path, agent, ...options });
}

async function main() {
  const large = await buffer(process.stdin);

  // One connection for all.
  let socket;
  for (let n = 0; n < 20; n++) {
    const request = ask(`/n${n}`).end();
    const [response] = await once(request, 'response');
    assert.strictEqual(await text(response), `/n${n}\n`);
    assert.strictEqual(request.reusedSocket, n > 0);
    socket ??= request.socket;
    assert.strictEqual(request.socket, socket);
  }
  console.log('kept');

  // A body in chunks, written at the pace at which it is taken, with trailers.
  {
    const request = ask('/told', { method: 'POST', headers: { trailer: 'x-sum' } });
    const answer = once(request, 'response');
    for (let at = 0; at < large.length; at += 50000) {
      if (!request.write(large.subarray(at, at + 50000))) await once(request, 'drain');
    }
    request.addTrailers({ 'x-sum': sum });
    request.end();
    const [response] = await answer;
    assert.strictEqual(await text(response), `POST HTTP/1.1 chunked ${large.length} ${sum} ${sum}`);
    console.log('sent');
  }

  // A body in chunks that is read with pauses, and the trailers behind it.
  {
    const request = ask('/large').end();
    const [response] = await once(request, 'response');
    const hash = crypto.createHash('sha256');
    let chunks = 0;
    for await (const chunk of response) {
      hash.update(chunk);
      if (++chunks % 10 === 0) await new Promise(setImmediate);
    }
    assert.strictEqual(hash.digest('hex'), sum);
    assert.strictEqual(response.trailers['x-sum'], sum);
    assert.strictEqual(response.complete, true);
    assert.strictEqual(request.socket, socket);
    console.log('read');
  }

  // What comes before the answer.
  {
    const request = ask('/hinted').end();
    const [[hints], [response]] =
      await Promise.all([once(request, 'information'), once(request, 'response')]);
    assert.strictEqual(hints.statusCode, 103);
    assert.strictEqual(hints.headers.link, '</a.css>; rel=preload');
    assert.strictEqual(await text(response), 'page\n');
    console.log('hinted');
  }
  {
    const headers = { expect: '100-continue', 'content-length': large.length };
    const request = ask('/told', { method: 'PUT', headers });
    request.flushHeaders();
    const answer = once(request, 'response');
    await once(request, 'continue');
    request.end(large);
    const [response] = await answer;
    const length = large.length;
    assert.strictEqual(await text(response), `PUT HTTP/1.1 ${length} ${length} ${sum} none`);
    console.log('told');
  }

  // Another protocol, on a connection of its own.
  {
    const headers = { connection: 'upgrade', upgrade: 'echo' };
    const request = ask('/upgraded', { agent: false, headers }).end();
    const [response, raw, early] = await once(request, 'upgrade');
    assert.strictEqual(response.statusCode, 101);
    assert.strictEqual(early.length, 0);
    raw.end(large);
    const back = await buffer(raw);
    assert.ok(back.equals(large), `${back.length} bytes`);
    console.log('upgraded');
  }

  // An answer that was broken off is an error.
  for (const path of ['/cut', '/cut-length']) {
    const request = ask(path, { agent: false }).end();
    // The request is told, too, when it has its answer already.
    request.on('error', () => {});
    await assert.rejects(async () => {
      const [response] = await once(request, 'response');
      await buffer(response);
    }, { code: 'ECONNRESET' });
    console.log('cut');
  }

  // The other client that Node has.
  {
    const parts = (function* () {
      for (let at = 0; at < large.length; at += 65536) yield large.subarray(at, at + 65536);
    })();
    const body = require('node:stream').Readable.toWeb(require('node:stream').Readable.from(parts));
    const response = await fetch(`http://${host}/told`, { method: 'POST', body, duplex: 'half' });
    assert.strictEqual(await response.text(), `POST HTTP/1.1 chunked ${large.length} ${sum} none`);
    const whole = await fetch(`http://${host}/large`);
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(large));
    console.log('fetched');
  }
  agent.destroy();
  console.log('ok');
}

main().then(() => process.exit(0));
