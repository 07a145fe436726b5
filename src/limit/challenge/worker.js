
// Finds for each piece a number so that the SHA-256 (FIPS 180-4) of `prefix.piece.number` begins with `zeros` zero bits.
const K = new Uint32Array(64), INITIAL = new Uint32Array(8), W = new Uint32Array(64);
for (let n = 2, i = 0; i < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
  if (!prime) continue;
  if (i < 8) INITIAL[i] = (Math.sqrt(n) % 1) * 2 ** 32;
  K[i++] = (Math.cbrt(n) % 1) * 2 ** 32;
}

// The first 32 bits of the hash of a text of at most 55 ASCII characters.
function hash(text) {
  W.fill(0, 0, 16);
  const length = text.length;
  for (let i = 0; i < length; i++) W[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
  W[length >> 2] |= 0x80 << (24 - 8 * (length & 3));
  W[15] = 8 * length;
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    W[i] = W[i - 16] + W[i - 7] +
      (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
      (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = INITIAL;
  for (let i = 0; i < 64; i++) {
    const one = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const two = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  return (INITIAL[0] + a) >>> 0;
}

onmessage = ({ data: [prefix, zeros, pieces] }) => {
  const found = [];
  const bound = 2 ** (32 - zeros);
  for (let piece = 0; piece < pieces; piece++) {
    let number = 0;
    while (hash(`${prefix}.${piece}.${number}`) >= bound) number++;
    found.push(number);
    postMessage(found);
  }
};
