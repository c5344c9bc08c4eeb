// Tells the server what it found, line by line.
const lines = [];

const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('');
const event = (target, name) => new Promise((resolve, reject) => {
  target.addEventListener(name, resolve, { once: true });
  target.addEventListener('error', () => reject(new Error(`no ${name}`)), { once: true });
});

async function main() {
  await event(window, 'load');
  lines.push(`images ${[...document.images].map((image) => image.naturalWidth).join(' ')}`);

  const big = await (await fetch('/big')).arrayBuffer();
  lines.push(`big ${big.byteLength} ${hex(await crypto.subtle.digest('SHA-256', big))}`);

  const response = await fetch('/told', { method: 'POST', body: new Blob([big]) });
  lines.push(`told ${await response.text()}`);

  const source = new EventSource('/events');
  const got = [];
  await new Promise((resolve, reject) => {
    source.onmessage = (message) => got.push(message.data) === 3 && resolve();
    source.onerror = () => reject(new Error(`only ${got}`));
  });
  source.close();
  lines.push(`events ${got.join(' ')}`);

  const sound = new Audio('/sound.wav');
  sound.preload = 'metadata';
  await event(sound, 'loadedmetadata');
  const seeked = event(sound, 'seeked');
  sound.currentTime = 80;
  await seeked;
  await sound.play();
  while (sound.currentTime <= 80) await event(sound, 'timeupdate');
  sound.pause();
  lines.push(`sound ${sound.duration} played`);
  lines.push('ok');
}

main()
  .catch((error) => lines.push(String(error)))
  .then(() => fetch('/outcome', { method: 'POST', body: lines.join('\n') }));
