// Sends all of a body that is refused. Says what it got, each in a line.
const http = require('http');

const [host, rounds, size, ...paths] = process.argv.slice(1);
const body = Buffer.alloc(Number(size), 'x');
const [hostname, port] = host.split(':');
const send = (path) =>
  new Promise((resolve) => {
    const headers = { 'content-length': body.length };
    const request = http.request({ hostname, port, path, method: 'POST', headers, agent: false });
    const settle = (said) => resolve(console.log(path, said));
    request.on('response', (response) => {
      response.resume().on('end', () => settle(response.statusCode)).on('error', (e) => settle(e.code));
    });
    request.on('error', (error) => settle(error.code));
    request.end(body);
  });
(async () => {
  for (let n = 0; n < rounds; n++) {
    for (const path of paths) await send(path);
  }
})();
