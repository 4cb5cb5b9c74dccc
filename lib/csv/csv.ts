/** CSV that we write: a stream of lines, none of whose cells a spreadsheet would run. */
import { setImmediate as turn } from 'node:timers/promises';
import { guard } from './formula-guard.ts';

/** So that Excel does not read it in a Windows encoding. */
export const BYTE_ORDER_MARK = '\ufeff';

/** Pulled, so that a slow download holds one read's rows and an aborted one stops reading. */
export function streamOf(lines: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
      await turn(); // lines that are there already would not let anything else of the process have its turn
    },
    async cancel() {
      await lines.return(undefined);
    },
  });
}

export function csvLine(cells: readonly string[], delimiter: string): string {
  return `${cells.map((cell) => quote(guard(cell), delimiter)).join(delimiter)}\r\n`;
}

/** RFC 4180. Blanks at the edges are kept by quotes too: some readers trim what stands bare. */
function quote(cell: string, delimiter: string): string {
  const plain = !cell.includes(delimiter) && !/["\r\n]|^\s|\s$/.test(cell);
  return plain ? cell : `"${cell.replaceAll('"', '""')}"`;
}
