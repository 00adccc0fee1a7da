// Errors and points are 16-bit numbers in base64; they are unpacked when a screen first needs them.
function unpack(text) {
  const bytes = atob(text);
  const view = new DataView(new ArrayBuffer(bytes.length));
  for (let i = 0; i < bytes.length; i++) view.setUint8(i, bytes.charCodeAt(i));
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => {
    const value = view.getUint16(2 * i, true);
    return value === data.nothing ? NaN : value;
  });
}

const memory = new Map();
function once(key, make) {
  if (!memory.has(key)) memory.set(key, make());
  return memory.get(key);
}

// The errors of a method in percent; NaN for a face that it missed, or was not measured on.
function errorsOf(one, method) {
  const all = once(`errors ${one.slug}`, () => unpack(one.errors).map((steps) => steps * data.step));
  const n = data.ids[one.ids].length;
  return all.subarray(method * n, (method + 1) * n);
}

// The points of a shape in its square: 0 to 1, further out what lies around it.
function shapeOf(nPoints, index) {
  const all = once(`shapes ${nPoints}`, () => unpack(data.shapes[nPoints]).map((steps) => (steps / (data.nothing - 1)) * 3 - 1));
  return all.subarray(index * 2 * nPoints, (index + 1) * 2 * nPoints);
}
