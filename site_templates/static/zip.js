/* Packs a run's pictures, as they are, into a ZIP file (stored, for they are compressed): APPNOTE.TXT 4.3. */
"use strict";
(() => {
  const { createObjectURL: addressOf, revokeObjectURL: forget } = URL;
  const NEWEST_DAY = 0x21; // 1 January 1980: the same pictures make the same file
  const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit += 1) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
    return byte;
  });
  const crc32 = (bytes) => ~bytes.reduce((sum, byte) => TABLE[(sum ^ byte) & 255] ^ (sum >>> 8), -1) >>> 0;

  /* Numbers, [value, bytes] each, as little-endian bytes. */
  const packed = (...fields) =>
    Uint8Array.from(fields.flatMap(([value, size]) => Array.from({ length: size }, (_, at) => (value >>> (8 * at)) & 255)));

  function zip(files) {
    const [parts, index] = [[], []];
    let offset = 0;
    for (const { name, bytes } of files) {
      const label = new TextEncoder().encode(name);
      const about = [[20, 2], [0x800, 2], [0, 2], [0, 2], [NEWEST_DAY, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [label.length, 2], [0, 2]];
      parts.push(packed([0x04034b50, 4], ...about), label, bytes);
      index.push(packed([0x02014b50, 4], [20, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), label);
      offset += 30 + label.length + bytes.length;
    }
    const size = index.reduce((sum, part) => sum + part.length, 0);
    const end = packed([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]);
    return new Blob([...parts, ...index, end], { type: "application/zip" });
  }

  async function save({ dataset }, tell) {
    const { root, name } = dataset;
    tell("Collecting…");
    try {
      const files = JSON.parse(dataset.files).map(async ({ src, name }) => {
        const answer = await fetch(root + src);
        if (!answer.ok) throw new Error(answer.status);
        return { name, bytes: new Uint8Array(await answer.arrayBuffer()) };
      });
      const href = addressOf(zip(await Promise.all(files)));
      Object.assign(document.createElement("a"), { href, download: name }).click();
      setTimeout(() => forget(href), 1000);
      tell(`${files.length} pictures in ${name}.`);
    } catch {
      tell("A page opened from the disk may not read its pictures: they lie in the folder “pictures” beside it.");
    }
  }

  for (const button of document.querySelectorAll(".zip")) {
    button.addEventListener("click", () => save(button, (words) => (button.nextElementSibling.value = words)));
  }
})();
