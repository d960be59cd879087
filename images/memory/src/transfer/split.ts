import { LineError } from "./lines.ts";

const MAX_LINE_BYTES = 64 * 2 ** 20;

/** Lines of a stream, split at line feeds alone: other line ends may stand in JSON texts. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let number = 1;
  let parts: Buffer[] = [];
  let bytes = 0;
  const take = (last: Buffer): string => {
    const line = Buffer.concat([...parts, last]);
    parts = [];
    bytes = 0;
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(line);
    } catch {
      throw new LineError(`line ${number} is not UTF-8`);
    }
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield take(chunk.subarray(start, end));
      number++;
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > MAX_LINE_BYTES) throw new LineError(`line ${number} is longer than ${MAX_LINE_BYTES} bytes`);
  }
  yield take(Buffer.alloc(0));
}
