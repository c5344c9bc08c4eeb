#!/usr/bin/env node
// Records how Node's own `Writable` and `Readable` behave, as traces that the Rust state machines are replayed
// against. README.md beside this file documents the traces. Needs nothing but Node (the traces were made by v20).
//
// Everything is driven by a seeded generator, so the same command line always writes the same bytes. A trace
// depends on the seed, its kind and its index alone: a greater --count only appends traces.

import { realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `usage: node record.mjs [--seed N] [--count N] [--steps N] OUTDIR

Writes OUTDIR/writable.jsonl and OUTDIR/readable.jsonl; OUTDIR must exist.

  --seed N   seed of the script generator (default 1)
  --count N  traces of each kind (default 1250)
  --steps N  longest script (default 14)
  --help     show this text`;

// ---- recording -------------------------------------------------------------------------------------------------

/** An error as the traces name it: by its code. */
const coded = (code) => Object.assign(new Error(code), { code });

/** A chunk that weighs `size`: in object mode any value weighs 1, so its content does not matter. */
const chunkOf = (size, object) => (object ? { chunk: true } : Buffer.alloc(size));
const sizeOf = (chunk, object) => (object ? 1 : chunk.length);

/**
 * The far side of a stream (sink or source). Like Node's fs streams it holds at most one request, answers it only
 * when told to, and may not be let go (its descriptor closed) while that request is under way.
 */
class FarSide {
  request = null; // what is outstanding: null, 'write', 'batch', 'final' or 'pull'
  #answer = null; // callback of the outstanding request; a pull has none
  #onIdle = null; // the release which waits for the outstanding request

  constructor(fx) {
    this.fx = fx;
  }

  ask(request, effect, answer = null) {
    if (this.request) throw new Error(`${request} asked for while ${this.request} is outstanding`);
    this.request = request;
    this.#answer = answer;
    this.fx.push(effect);
  }

  /** Answers the outstanding request by `reply`, which gets the request's callback and whose value is returned. */
  settle(reply) {
    if (!this.request) throw new Error('the script answers a request, but none is outstanding');
    const answer = this.#answer;
    // Idle before the reply: the reply itself may ask for more, or destroy the stream, which must then not wait.
    this.request = this.#answer = null;
    const ret = reply(answer);
    const release = this.#onIdle;
    this.#onIdle = null;
    release?.();
    return ret;
  }

  /** The stream's `_destroy`: lets go at once, or when the outstanding request has been answered. */
  release(err, cb) {
    const letGo = () => {
      this.fx.push(['release']);
      // Only destroy()'s own error is handed on: a failure that comes after destroy() is not announced.
      cb(err);
    };
    if (this.request) this.#onIdle = letGo;
    else letGo();
  }
}

/** Listeners that only take note; an `error` listener is needed anyhow, or Node would throw. */
function note(stream, fx, plain) {
  for (const name of plain) stream.on(name, () => fx.push([name]));
  stream.on('error', (err) => fx.push(['error', err.code]));
  stream.on('close', () => fx.push(['close']));
}

/** A kind of stream: how to make one, how to apply an op, what to observe. */
const KINDS = {
  writable: {
    options: ['hwm', 'object', 'writev'],
    make({ hwm, object, writev }, far, fx) {
      const size = (chunk) => sizeOf(chunk, object);
      const stream = new Writable({
        highWaterMark: hwm,
        objectMode: object,
        write: (chunk, _encoding, cb) => far.ask('write', ['write', [size(chunk)]], cb),
        // Without `writev` Node must not find a _writev at all, for then it hands over chunk by chunk.
        ...(writev && { writev: (batch, cb) => far.ask('batch', ['write', batch.map((e) => size(e.chunk))], cb) }),
        final: (cb) => far.ask('final', ['final'], cb),
        destroy: (err, cb) => far.release(err, cb),
      });
      note(stream, fx, ['drain', 'finish']);
      return stream;
    },
    returning: new Set(['write']),
    apply: {
      write: (s, far, arg, { object }) => s.write(chunkOf(arg, object)),
      cork: (s) => s.cork(),
      uncork: (s) => s.uncork(),
      end: (s, far, arg, { object }) => (arg === undefined ? s.end() : s.end(chunkOf(arg, object))),
      complete: (s, far) => far.settle((answer) => answer()),
      fail: (s, far) => far.settle((answer) => answer(coded('EIO'))),
      destroy: (s, far, arg) => s.destroy(arg && coded(arg)),
    },
    observe: (s) => ({
      len: s.writableLength,
      need_drain: s.writableNeedDrain,
      corked: s.writableCorked,
      ended: s.writableEnded,
      finished: s.writableFinished,
      destroyed: s.destroyed,
      closed: s.closed,
      errored: s.errored?.code ?? null,
      writable: s.writable,
    }),
  },
  readable: {
    options: ['hwm', 'object'],
    make({ hwm, object }, far, fx) {
      const stream = new Readable({
        highWaterMark: hwm,
        objectMode: object,
        read: () => far.ask('pull', ['pull']),
        destroy: (err, cb) => far.release(err, cb),
      });
      // No 'data' or 'readable' listener: the stream must be read on demand only.
      note(stream, fx, ['end']);
      return stream;
    },
    returning: new Set(['push', 'push_end', 'unshift', 'read']),
    apply: {
      push: (s, far, arg, { object }) => far.settle(() => s.push(chunkOf(arg, object))),
      push_end: (s, far) => far.settle(() => s.push(null)),
      unshift: (s, far, arg, { object }) => s.unshift(chunkOf(arg, object)),
      read(s, far, arg, { object }) {
        const chunk = arg === undefined ? s.read() : s.read(arg);
        return chunk === null ? null : sizeOf(chunk, object);
      },
      destroy: (s, far, arg) => s.destroy(arg && coded(arg)),
    },
    observe: (s) => ({
      len: s.readableLength,
      hwm: s.readableHighWaterMark,
      ended: s.readableEnded,
      destroyed: s.destroyed,
      closed: s.closed,
      errored: s.errored?.code ?? null,
      readable: s.readable,
    }),
  },
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Records one trace. `nextOp({ step, st, request })` says what to do next, `{ op, arg? }`, or null for the end;
 * `st` is what was observed last (before the first op too), `request` what the far side was asked for.
 */
export async function recordTrace(kind, options, nextOp) {
  const { make, returning, apply, observe } = KINDS[kind];
  const fx = [];
  const far = new FarSide(fx);
  const stream = make(options, far, fx);
  const steps = [];
  for (let st = observe(stream); ; ) {
    const next = nextOp({ step: steps.length, st, request: far.request });
    if (!next) break;
    const ret = apply[next.op](stream, far, next.arg, options);
    // Nothing here uses timers or real I/O, so all that an op sets off (ticks, microtasks) is over after a turn of
    // the event loop; the second one is for good measure.
    await turn();
    await turn();
    st = observe(stream);
    // A trace's keys have a fixed order: op, arg (if any), ret (for ops that answer), fx, st.
    steps.push({ ...next, ...(returning.has(next.op) && { ret }), fx: fx.splice(0), st });
  }
  return { kind, ...Object.fromEntries(KINDS[kind].options.map((key) => [key, options[key]])), steps };
}

// ---- generating scripts ----------------------------------------------------------------------------------------

/** Chance from a seed alone, by Mulberry32: a small generator that is good enough here. */
class Dice {
  #state;
  constructor(seed) {
    this.#state = seed >>> 0;
  }
  /** A number in [0, 1). */
  #next() {
    const a = (this.#state = (this.#state + 0x6d2b79f5) >>> 0);
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  chance = (p) => this.#next() < p;
  int = (n) => Math.floor(this.#next() * n); // 0 .. n-1
  of = (list) => list[this.int(list.length)];
  /** A key of `weights`, as often as its weight says. */
  weighted(weights) {
    let left = this.#next() * Object.values(weights).reduce((sum, w) => sum + w, 0);
    return Object.keys(weights).find((key) => (left -= weights[key]) < 0);
  }
}

const HWMS = [0, 1, 1, 2, 3, 5, 8, 16, 64, 100, 16384];
// Two codes, so that it shows which of two errors a stream keeps.
const destroyOp = (dice) => ({ op: 'destroy', ...dice.of([{}, { arg: 'ECANCELED' }, { arg: 'EPIPE' }]) });
/** Chunk sizes: mostly small ones, and those around the mark, where the behaviour changes; never below zero. */
const chunkSize = (dice, { hwm, object }) =>
  object ? 1 : Math.max(0, dice.of([0, 1, 1, 2, 3, 5, 8, 13, hwm - 1, hwm, hwm + 1, hwm >> 1]));

// How often each op comes up, by the temper of a trace. The choosers below bend these by the stream's state, mainly
// so that a good part of the traces lives to its regular end.
const WRITABLE_TEMPERS = {
  steady: { write: 30, complete: 45, fail: 1, cork: 2, uncork: 2, end: 9, destroy: 1 },
  corking: { write: 30, complete: 25, fail: 2, cork: 14, uncork: 15, end: 6, destroy: 1 },
  wild: { write: 25, complete: 20, fail: 8, cork: 8, uncork: 8, end: 14, destroy: 10 },
};
const READABLE_TEMPERS = {
  steady: { read: 40, push: 40, push_end: 3, unshift: 5, destroy: 1 },
  ending: { read: 35, push: 20, push_end: 15, unshift: 10, destroy: 1 },
  wild: { read: 30, push: 20, push_end: 8, unshift: 20, destroy: 8 },
};

const SCRIPTS = {
  writable(dice, options, temper, limit) {
    return ({ step, st, request }) => {
      const w = { ...WRITABLE_TEMPERS[temper] };
      if (!request) w.complete = w.fail = 0;
      if (!st.ended && step > limit / 2.5) w.end *= 5;
      if (st.ended && !st.destroyed && temper !== 'wild') w.write /= 5; // else most would die of a write after end
      if (st.ended && !st.destroyed) w.complete *= 2;
      // Rare states: use them while they last.
      if (request === 'batch') w.fail *= 4;
      if (request === 'final') {
        w.fail *= 4;
        w.destroy *= 3;
      }
      const op = dice.weighted(w);
      if (op === 'write' || (op === 'end' && dice.chance(0.35))) return { op, arg: chunkSize(dice, options) };
      return op === 'destroy' ? destroyOp(dice) : { op };
    };
  },
  readable(dice, options, temper, limit) {
    let eof = false; // whether push_end was done; the state does not show it
    return ({ step, st, request }) => {
      const w = { ...READABLE_TEMPERS[temper] };
      if (!request) w.push = w.push_end = 0;
      if (step > limit / 2.5) w.push_end *= 5;
      if (eof && !st.destroyed && temper !== 'wild') w.read *= 2;
      if (st.destroyed) w.unshift *= 2;
      const op = dice.weighted(w);
      if (op === 'push_end') eof = true;
      if (op === 'push' || op === 'unshift') return { op, arg: chunkSize(dice, options) };
      if (op === 'destroy') return destroyOp(dice);
      if (op !== 'read' || dice.chance(eof ? 0.6 : 0.4)) return { op };
      // Interesting sizes lie around what is buffered and around the mark; more than the mark raises it.
      const { len, hwm } = st;
      const sizes = options.object ? [0, 1, 1, 1, 2, 5] : [0, 1, 2, 3, 5, len - 1, len, len + 1, hwm, hwm + 1, hwm + 3];
      return { op, arg: Math.max(0, dice.of(sizes)) };
    };
  },
};

/** Generates and records trace number `index` of a kind. */
function generate(kind, seed, index, maxSteps) {
  // Spread the three numbers over the seed, lest neighbours resemble each other.
  const salt = kind === 'writable' ? 0 : 0x5bd1e995;
  const dice = new Dice(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b) ^ salt);
  const options = { hwm: dice.of(HWMS), object: dice.chance(0.3), writev: dice.chance(0.5) };
  const temper = dice.of(['steady', 'steady', kind === 'writable' ? 'corking' : 'ending', 'wild']);
  // Mostly the greater of two throws: long enough, more often than not, to get to a regular end.
  const limit = 1 + (dice.chance(0.7) ? Math.max(dice.int(maxSteps), dice.int(maxSteps)) : dice.int(maxSteps));
  const script = SCRIPTS[kind](dice, options, temper, limit);
  // A closed stream does little, yet must do it right: a few steps more, then stop.
  let after = dice.of([0, 1, 1, 2, 3]);
  return recordTrace(kind, options, (view) => {
    if (view.step >= limit || (view.st.closed && after-- === 0)) return null;
    return script(view);
  });
}

// ---- command line ----------------------------------------------------------------------------------------------

class UsageError extends Error {}

function parseCommandLine(args) {
  let parsed;
  try {
    const text = { type: 'string' };
    const options = { seed: text, count: text, steps: text, help: { type: 'boolean', short: 'h' } };
    parsed = parseArgs({ args, allowPositionals: true, options });
  } catch (err) {
    throw new UsageError(err.message);
  }
  const { values, positionals } = parsed;
  if (values.help) return { help: true };
  const number = (name, fallback, least) => {
    const text = values[name] ?? String(fallback);
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > 0xffffffff) {
      throw new UsageError(`--${name} must be a whole number from ${least} to ${0xffffffff}, not '${text}'`);
    }
    return value;
  };
  const numbers = { seed: number('seed', 1, 0), count: number('count', 1250, 1), steps: number('steps', 14, 1) };
  if (positionals.length !== 1) throw new UsageError(`exactly one OUTDIR is needed, ${positionals.length} were given`);
  const [outdir] = positionals;
  const isDirectory = statSync(outdir, { throwIfNoEntry: false })?.isDirectory();
  if (!isDirectory) throw new UsageError(`'${outdir}' is not a directory`);
  return { ...numbers, outdir };
}

async function main() {
  const { help, seed, count, steps, outdir } = parseCommandLine(process.argv.slice(2));
  if (help) return console.log(USAGE);
  if (!process.version.startsWith('v20.')) {
    console.error(`warning: the traces should be those of Node v20, but this is ${process.version}`);
  }
  for (const kind of Object.keys(KINDS)) {
    let text = '';
    for (let i = 0; i < count; i++) text += JSON.stringify(await generate(kind, seed, i, steps)) + '\n';
    const file = join(outdir, `${kind}.jsonl`);
    writeFileSync(file, text);
    console.log(`${file}: ${count} traces, ${text.length} bytes`);
  }
}

// Only when run, not when imported: recordTrace() serves other scripts, too.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((err) => {
    console.error(err instanceof UsageError ? `record.mjs: ${err.message}\n\n${USAGE}` : err);
    process.exitCode = err instanceof UsageError ? 2 : 1;
  });
}
