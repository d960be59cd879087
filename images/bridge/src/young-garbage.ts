/** Asked for so much memory for buffers at once, V8 first collects those that are young (Node 24: from 32 MiB on). */
const COLLECTING_BYTES = 40 * 2 ** 20;

/**
 * Gives back what messages have left behind that came just now. V8 lets tens of megabytes of it pile up, because it
 * counts on the next ones to make it collect; where a client that does not read holds those up, there are none.
 */
export function collectYoung(): void {
  // Nothing is written there, so it takes no memory.
  Buffer.allocUnsafeSlow(COLLECTING_BYTES).buffer.transfer(0);
}
