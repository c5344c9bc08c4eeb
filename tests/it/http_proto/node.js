// Reads connections from stdin, a line of hexadecimal each; says of each what Node's parser makes of it.
'use strict';
const { HTTPParser, methods } = require('_http_common');

function run(input) {
  const requests = [];
  let current;
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 64 * 1024, 0);
  // Behind trailers it gives the next target here.
  let early = '';
  parser[HTTPParser.kOnHeaders] = (fields, url) => { early += url; };
  parser[HTTPParser.kOnHeadersComplete] = (major, minor, fields, method, url) => {
    current = { method: methods[method], url: url ?? early, body: [] };
    early = '';
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk) => current.body.push(Buffer.from(chunk));
  parser[HTTPParser.kOnMessageComplete] = () => {
    current.body = Buffer.concat(current.body).toString('hex');
    requests.push(current);
    current = undefined;
    early = '';
  };
  let end = 'clean';
  const parsed = parser.execute(input);
  if (parsed instanceof Error) {
    end = parsed.code;
  } else if (parsed < input.length) {
    end = 'upgrade';
  } else {
    const finished = parser.finish();
    if (finished instanceof Error) end = 'short';
  }
  return { requests, end };
}

const lines = require('fs').readFileSync(0, 'latin1').split('\n').filter((line) => line !== '');
const all = lines.map((line) => JSON.stringify(run(Buffer.from(line, 'hex'))));
process.stdout.write(all.join('\n') + '\n');
